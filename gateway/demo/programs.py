"""
Verifiers that are programs: xmlsec1, pdfsig and OpenSSL, each in a private folder that is removed afterwards.

They get fixed arguments, files of our own naming, a bare environment and 30 seconds; of what they print 64 KiB are
read. ``verifiers`` is the door.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.demo.signed_parts import (
    CONTENT_URI,
    NotAsExpected,
    PdfSignaturePart,
    TimeStampPart,
    cms_time_stamps,
    detached_signature,
    pdf_signatures,
    xades_time_stamps,
)
from gateway.demo.verdict import OracleVerdict

_SECONDS = 30
_SIGNED_PROPERTIES_ID = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"


def xmlsec1_verdict(
    xades: bytes, content: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()
) -> OracleVerdict | None:
    """xmlsec1: references, signature value and path; nothing of XAdES. None when not installed."""
    program = shutil.which("xmlsec1")
    if program is None:
        return None
    try:
        detached_signature(xades)  # so that the file named content is what was signed, and no other
    except NotAsExpected as problem:
        return OracleVerdict("xmlsec1", accepted=False, detail=str(problem))
    with private_folder() as folder:
        (folder / CONTENT_URI).write_bytes(content)
        (folder / "signature.xml").write_bytes(xades)
        command = [program, "--verify", "--id-attr:Id", _SIGNED_PROPERTIES_ID, "--enabled-key-data", "x509"]
        command += ["--enabled-reference-uris", "same-doc,remote"]
        for option, certificates in (("--trusted-pem", anchors), ("--untrusted-pem", intermediates)):
            for number, pem in enumerate(certificates):
                command += [option, str(write_pem(folder / f"{option[2:]}{number}.pem", [pem]))]
        code, output = _run([*command, "signature.xml"], folder)
    accepted = code == 0 and "SignedInfo References (ok/all): 2/2" in output
    return OracleVerdict("xmlsec1", accepted=accepted, detail="signature and path hold" if accepted else "refused")


def openssl_xades_ts_verdict(
    xades: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()
) -> OracleVerdict | None:
    """OpenSSL on the signature time-stamps of a XAdES; refuses when there is none. None when not installed."""
    try:
        parts = xades_time_stamps(xades)
    except NotAsExpected as problem:
        return OracleVerdict("openssl ts", accepted=False, detail=str(problem), looks_at_time_stamps=True)
    return _time_stamps_verdict(parts, anchors, intermediates)


def openssl_ts_verdict(
    token: bytes, data: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()
) -> OracleVerdict | None:
    """OpenSSL on one RFC 3161 token (DER) over *data*: imprint, signature, usage, path. None when not installed."""
    return _time_stamps_verdict([TimeStampPart(token, data)], anchors, intermediates)


def _time_stamps_verdict(
    parts: Sequence[TimeStampPart], anchors: Sequence[bytes], intermediates: Sequence[bytes]
) -> OracleVerdict | None:
    program = shutil.which("openssl")
    if program is None:
        return None
    held = 0
    for part in parts:
        with private_folder() as folder:
            (folder / "token.der").write_bytes(part.token)
            (folder / "data").write_bytes(part.data)
            command = [program, "ts", "-verify", "-token_in", "-in", "token.der", "-data", "data"]
            command += _openssl_trust(folder, anchors, intermediates, untrusted="-untrusted")
            code, output = _run(command, folder)
            held += code == 0 and "Verification: OK" in output
    return OracleVerdict(
        "openssl ts",
        accepted=bool(parts) and held == len(parts),
        detail=f"{held} of {len(parts)} time-stamps hold",
        looks_at_time_stamps=True,
    )


def openssl_cms_verdict(
    pdf: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()
) -> OracleVerdict | None:
    """
    OpenSSL on every CMS signature of a PDF, with its certificate reference, and on every time-stamp.

    The last signature must reach the end of the file, for OpenSSL cannot judge what was added. None when not installed.
    """
    program = shutil.which("openssl")
    if program is None:
        return None
    try:
        signatures = pdf_signatures(pdf)
        parts = [part for one in signatures for part in _time_stamps_of(one)]
    except NotAsExpected as problem:
        return OracleVerdict("openssl cms", accepted=False, detail=str(problem), looks_at_time_stamps=True)
    own = [one for one in signatures if not one.is_time_stamp]
    held = sum(_cms_holds(program, one, anchors, intermediates) for one in own)
    stamps = _time_stamps_verdict(parts, anchors, intermediates) if parts else None
    return OracleVerdict(
        "openssl cms",
        accepted=bool(own) and held == len(own) and signatures[-1].reaches_end and (stamps is None or stamps.accepted),
        detail=f"{held} of {len(own)} signatures hold; {stamps.detail if stamps else 'no time-stamps'}",
        looks_at_time_stamps=True,
    )


def _time_stamps_of(signature: PdfSignaturePart) -> list[TimeStampPart]:
    if signature.is_time_stamp:
        return [TimeStampPart(signature.cms, signature.covered)]
    return cms_time_stamps(signature.cms)


def _cms_holds(
    program: str, signature: PdfSignaturePart, anchors: Sequence[bytes], intermediates: Sequence[bytes]
) -> bool:
    with private_folder() as folder:
        (folder / "signature.der").write_bytes(signature.cms)
        (folder / "covered").write_bytes(signature.covered)
        command = [program, "cms", "-verify", "-binary", "-cades", "-purpose", "any", "-inform", "DER"]
        command += ["-no-CApath", "-no-CAstore"]  # the given anchors alone
        command += ["-in", "signature.der", "-content", "covered", "-out", os.devnull]
        command += _openssl_trust(folder, anchors, intermediates, untrusted="-certfile")
        code, output = _run(command, folder)
    return code == 0 and "successful" in output


def _openssl_trust(
    folder: Path, anchors: Sequence[bytes], intermediates: Sequence[bytes], *, untrusted: str
) -> list[str]:
    options = ["-CAfile", str(write_pem(folder / "anchors.pem", anchors))]
    if intermediates:
        options += [untrusted, str(write_pem(folder / "intermediates.pem", intermediates))]
    return options


def pdfsig_verdict(
    pdf: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = (), *, online: bool = False
) -> OracleVerdict | None:
    """
    Poppler's pdfsig: every signature valid, the last over the whole document; it does not look at time-stamps.

    It cannot read document time-stamps and so refuses documents that carry one.

    Certificates are judged only *online*, through NSS, which refuses every path whose OCSP responders it cannot ask
    and follows whatever address a certificate names; offline, or without NSS's certutil, integrity alone is judged and
    *detail* says so. None when not installed.
    """
    program = shutil.which("pdfsig")
    if program is None:
        return None
    with private_folder() as folder:
        (folder / "signed.pdf").write_bytes(pdf)
        asks_trust = online and _nss_database(folder, anchors, intermediates)
        options = ["-nssdir", f"sql:{folder}"] if asks_trust else ["-nocert"]
        code, output = _run([program, *options, "signed.pdf"], folder)
    signatures = output.count("Signature Validation:")
    held = output.count("Signature Validation: Signature is Valid.")
    trusted = output.count("Certificate Validation: Certificate is Trusted.") if asks_trust else held
    last = output.rpartition("Signature #")[2]
    whole = "- Total document signed" in last
    trust = f"{trusted} trusted" if asks_trust else "trust not asked"
    return OracleVerdict(
        "pdfsig",
        accepted=code == 0 and 0 < signatures == held == trusted and whole,
        detail=f"{held} of {signatures} signatures hold, {trust}",
    )


def _nss_database(folder: Path, anchors: Sequence[bytes], intermediates: Sequence[bytes]) -> bool:
    """Make an NSS database in *folder*; False without certutil (Debian: libnss3-tools)."""
    program = shutil.which("certutil")
    if program is None:
        return False
    database = ["-d", f"sql:{folder}"]
    if _run([program, "-N", *database, "--empty-password"], folder)[0] != 0:
        return False
    for trust, certificates in (("CT,C,C", anchors), (",,", intermediates)):
        for number, pem in enumerate(certificates):
            path = write_pem(folder / "one.pem", [pem])
            _run([program, "-A", *database, "-n", f"{trust}{number}", "-t", trust, "-a", "-i", str(path)], folder)
    return True


@contextmanager
def private_folder() -> Iterator[Path]:
    """A folder for one question; gone with everything in it afterwards."""
    with tempfile.TemporaryDirectory(prefix="verifier-") as name:
        yield Path(name)


def write_pem(path: Path, certificates: Sequence[bytes]) -> Path:
    """Write *certificates*, each in PEM, to *path*; returns it."""
    path.write_bytes(b"\n".join(certificates) + b"\n")
    return path


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run in *folder*; the exit code (124 when out of time) and the first 64 KiB of what was printed."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    printed = folder / "printed"
    try:
        with printed.open("wb") as output:
            done = subprocess.run(  # noqa: S603 - fixed arguments and files of our own naming, no shell
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return 124, ""
    with printed.open("rb") as output:
        return done.returncode, output.read(65536).decode("utf-8", "replace")
