"""The others who sign, as ``sign`` calls them: signxml and pyHanko as they come, and EU DSS in a JVM that runs warm."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from sign_material import Person
from signxml import DigestAlgorithm, SignatureMethod, methods
from signxml.xades import XAdESSigner

_HERE = Path(__file__).resolve().parent
_ORACLE = _HERE.parent / "tests" / "oracles"
_JVM_SECONDS = 900


class Signxml:
    """XAdES of a small content with a key in memory; the level is B."""

    def __init__(self, person: Person) -> None:
        self._person = person
        method = SignatureMethod.RSA_SHA256 if person.name == "rsa" else SignatureMethod.ECDSA_SHA256
        self._signer = XAdESSigner(
            method=methods.enveloping, signature_algorithm=method, digest_algorithm=DigestAlgorithm.SHA256
        )
        self._certificate = person.issued.public_bytes(Encoding.PEM).decode()

    def sign(self, content: str) -> Any:
        """The signature as a tree."""
        from lxml import etree  # noqa: PLC0415 - for this peer alone

        data = etree.Element("Content")
        data.text = content
        return self._signer.sign(data, key=self._person.private, cert=self._certificate)


class PyHanko:
    """PDFs signed as pyHanko's documentation shows, with ``SimpleSigner``."""

    def __init__(self, person: Person, authority: str) -> None:
        key, certificate = person.pem
        loaded = signers.SimpleSigner.load(str(key), str(certificate))
        if loaded is None:
            sys.exit("not measured: pyHanko does not load the signer's key")
        self._signer = loaded
        self._stamper = timestamps.HTTPTimeStamper(authority)

    def sign(self, pdf: Any, *, stamped: bool = False) -> None:
        """A signature in *pdf*, a stream."""
        meta = signers.PdfSignatureMetadata(field_name="Signature", subfilter=fields.SigSeedSubFilter.PADES)
        writer = IncrementalPdfFileWriter(pdf)
        signers.sign_pdf(writer, meta, self._signer, timestamper=self._stamper if stamped else None, output=BytesIO())

    async def stamp(self, imprint: bytes) -> None:
        """One token."""
        await self._stamper.async_timestamp(imprint, "sha256")


def require_dss() -> Path:
    """The oracle's jar, its libraries beside it in ``lib``. Exits where EU DSS cannot be had."""
    missing = [program for program in ("java", "javac", "mvn") if shutil.which(program) is None]
    if missing:
        sys.exit(f"not measured: EU DSS needs {', '.join(missing)}: apt-get install openjdk-17-jdk-headless maven")
    sys.path.insert(0, str(_ORACLE))
    import dss_oracle  # noqa: PLC0415 - of the tests; Maven is asked first

    try:
        return dss_oracle.build()
    except (dss_oracle.DssUnavailable, RuntimeError) as problem:
        sys.exit(f"not measured: {problem}")


def dss_seconds(jar: Path, folder: Path, authority: str, jobs: Sequence[str]) -> list[float]:
    """EU DSS's seconds for each of *jobs*; ``dss/Signing.java`` says what they are."""
    classes = folder / "classes"
    path = f"{jar}:{jar.parent / 'lib'}/*"
    subprocess.run(["javac", "-cp", path, "-d", str(classes), str(_HERE / "dss" / "Signing.java")], check=True)
    command = ["java", "-Xmx3g", "-Djava.awt.headless=true", "-cp", f"{classes}:{path}", "Signing"]
    command += [str(folder), authority, *jobs]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_JVM_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        sys.exit(f"not measured: EU DSS did not come to an end in {_JVM_SECONDS} seconds")
    if done.returncode:
        sys.exit(f"not measured: EU DSS: {done.stderr.decode(errors='replace')[-1000:]}")
    return list(map(float, done.stdout.split()))
