"""What signing a document adds to the memory of a process: ours with its children, or pyHanko's. A process for each."""

from __future__ import annotations

import gc
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from memory import children, most, reset

_MB = 1e6


def added_megabytes(way: str, folder: Path, small: Path, large: Path) -> float:
    """MB above what is held when idle, for *way* ``ours`` or ``pyhanko`` with the signer in *folder*."""
    command = [sys.executable, __file__, way, str(folder), str(small), str(large)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"not measured: {done.stderr.decode(errors='replace')[-1000:]}")
    return float(json.loads(done.stdout))


def _added(sign: Callable[[Path], None], small: Path, large: Path) -> float:
    """Of this process and its children together, once *small* has been signed twice."""
    sign(small)
    sign(small)
    gc.collect()
    processes = [os.getpid(), *children(os.getpid())]
    before = {pid: reset(pid) for pid in processes}
    sign(large)
    return sum(most(pid) - idle for pid, idle in before.items()) / _MB


def _ours(folder: Path) -> Callable[[Path], None]:
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - each way alone in its process
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    from gateway.asn1.x509 import read_certificate  # noqa: PLC0415
    from gateway.domain.signatures import SignatureValue  # noqa: PLC0415
    from gateway.formats.api import SignatureParameters  # noqa: PLC0415
    from gateway.formats.pades.engine import PadesEngine  # noqa: PLC0415

    private = serialization.load_der_private_key((folder / "rsa.pk8").read_bytes(), None)
    certificate = read_certificate((folder / "rsa.der").read_bytes(), ((folder / "issuing.der").read_bytes(),))
    engine = PadesEngine()

    def sign(path: Path) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        with path.open("rb") as source, Path(os.devnull).open("wb") as out:
            prepared = engine.prepare(source, SignatureParameters(certificate, now, secrets.token_hex(16)))
            value = private.sign(prepared.data.octets, padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr, call-arg, arg-type]
            engine.complete(source, prepared, SignatureValue(value), None, out)

    return sign


def _pyhanko(folder: Path) -> Callable[[Path], None]:
    from io import BytesIO  # noqa: PLC0415

    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415
    from pyhanko.sign import signers  # noqa: PLC0415

    signer = signers.SimpleSigner.load(str(folder / "rsa.key.pem"), str(folder / "rsa.pem"))

    def sign(path: Path) -> None:
        writer = IncrementalPdfFileWriter(BytesIO(path.read_bytes()))
        signers.sign_pdf(writer, signers.PdfSignatureMetadata(field_name="Signature"), signer)

    return sign


if __name__ == "__main__":
    way, signer, small, large = sys.argv[1], *map(Path, sys.argv[2:])
    print(json.dumps(_added({"ours": _ours, "pyhanko": _pyhanko}[way](signer), small, large)))
