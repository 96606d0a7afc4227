"""VerifySignatures on files of every size, against the least that can be done with them, pyHanko and EU DSS."""

from __future__ import annotations

import gc
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from memory import children, most, reset
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from tables import Row
from verify_material import Town, digest_of, few_objects, many_objects, with_lists

from gateway.asn1.names import dotnet_subject
from gateway.domain.contents import ContentType, StoredContent
from gateway.domain.indications import Indication
from gateway.domain.messages import Language
from gateway.domain.policy import MSIGN_COMPAT
from gateway.domain.verification import (
    FileFormat,
    SignatureConclusion,
    VerificationContent,
    VerificationRequest,
    VerificationResult,
)
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.pades.reader import PadesReader
from gateway.formats.xades.engine import XadesEngine
from gateway.formats.xades.reader import XadesReader
from gateway.operations.verify_signatures import VerifySignatures
from gateway.storage.files import FileContentStore
from gateway.timestamps.tokens import Rfc3161Reader
from gateway.trust.anchors import load_anchors
from gateway.trust.api import Purpose
from gateway.trust.fetching import HttpFetcher
from gateway.trust.judge import PathJudge
from gateway.trust.strength import key_strength

TITLE = "validation"
ABOUT = """\
`VerifySignatures` as it is wired in `gateway/app.py`, in one process with its warm children; every result is checked to
be TOTAL-PASSED. Signers have RSA-2048 keys below an issuing authority below the anchor; the authority's own status is
fetched from loopback once. Rounds are interleaved with their references and medians taken; files are new in each round
where something could be remembered of them, and the first document with a long list meets a verifier that has never
seen it.

The reference of pyHanko is `validate_pdf_signature` with the anchors given and nothing fetched; for level LT with what
`DocumentSecurityStore` holds. Memory is what the process and its children take above what they held when idle, with
their high-water marks set back before. EU DSS (6.4, default policy, offline, warmed for up to eight seconds) judges the
same files in one JVM; the last row is the worst of the timed rows above it."""

MANY, ROUNDS, SMALL = 100, 5, 12
_MB, _MIB50, _MIB100 = 1e6, 50_000_000, 100_000_000
_OBJECTS, _ENTRIES = 85_000, 100_000
_HERE = Path(__file__).resolve().parent
_ORACLE = _HERE.parent / "tests" / "oracles"
_JVM_SECONDS = 1500


class Verifier:
    """The operation, wired as in the gateway's application, with nothing warm yet."""

    def __init__(self, anchors: Path, folder: Path) -> None:
        trusted = load_anchors(anchors)
        judge = PathJudge(
            {Purpose.SIGNING: trusted, Purpose.TIME_STAMPING: trusted},
            HttpFetcher(allow_loopback=True, timeout=timedelta(seconds=5)),
        )
        self._verify = VerifySignatures(
            {ContentType.HASH: XadesEngine(), ContentType.PDF: PadesEngine()},
            judge,
            Rfc3161Reader(),
            store := FileContentStore(folder, lambda: secrets.token_hex(16)),
            MSIGN_COMPAT,
            lambda: datetime.now(UTC),
            describe=dotnet_subject,
            strength=key_strength,
            readers={FileFormat.XADES: XadesReader(), FileFormat.PADES: PadesReader()},
            seconds_each=30.0,
            seconds_all=240.0,
        )
        self._store = store

    def hashes(self, signed: Sequence[tuple[bytes, bytes]]) -> None:
        """A batch of signatures, each with its hash."""
        contents = tuple(VerificationContent(None, signature, digest) for signature, digest in signed)
        for result in self._verify(VerificationRequest(ContentType.HASH, contents, Language.EN)):
            _must_pass(result)

    def stored(self, pdf: bytes) -> StoredContent:
        """A document where the SOAP door puts it while its message is read: in the content store."""
        with self._store.create() as writer:
            writer.write(pdf)
            return writer.commit()

    def document(self, pdf: bytes | StoredContent) -> None:
        """One document, as a consumer sends it."""
        content = VerificationContent(None, pdf, None)
        (result,) = self._verify(VerificationRequest(ContentType.PDF, (content,), Language.EN))
        _must_pass(result)

    def file(self, path: Path) -> None:
        """One document that lies in a file."""
        with path.open("rb") as stream:
            _must_pass(self._verify.verify_one(ContentType.PDF, stream, None))


def _must_pass(result: VerificationResult) -> None:
    if not result.valid:
        found = [_told(conclusion) for conclusion in result.conclusions]
        sys.exit(f"not measured: a good signature was not accepted: {result.message.value} {found}")


def _told(conclusion: SignatureConclusion) -> str:
    sub = conclusion.sub_indication
    assert conclusion.indication is not Indication.TOTAL_PASSED or sub is None
    return f"{conclusion.indication.value} {sub.value if sub else ''} {conclusion.trust}"


@dataclass(frozen=True, slots=True)
class Timed:
    """A row in the making: seconds of ours and of the reference, and the files that ours were for, as for EU DSS."""

    work: str
    ours: float
    reference: str
    theirs: float
    reach: float
    files: Sequence[str]

    def row(self) -> Row:
        """In milliseconds."""
        return Row(
            work=self.work,
            measured=self.ours * 1000,
            unit="ms",
            reference=self.reference,
            reference_measured=self.theirs * 1000,
            reach=self.reach,
        )


class Bench:
    """One run: its town, its folder, and what was timed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._town = Town()
        self._anchors = self._town.write_anchors(folder / "anchors")
        self._pades = PadesEngine()
        self._contents = folder / "contents"
        self._context = _pyhanko_context(self._town)

    def close(self) -> None:
        """End the town."""
        self._town.close()

    def verifier(self) -> Verifier:
        """A new one."""
        return Verifier(self._anchors, self._contents)

    def many_hashes(self) -> Timed:
        """100 XAdES-T of one signer."""
        engine, signer, verifier = XadesEngine(), self._town.signer(listed=False), self.verifier()
        digests = [secrets.token_bytes(32) for _ in range(MANY)]
        batches = [[(signer.signed_hash(engine, one), one) for one in digests] for _ in range(ROUNDS)]
        octets = secrets.token_bytes(512)
        value = signer.key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        public = signer.key.public_key()

        def raw() -> None:
            for _ in range(2 * MANY):
                public.verify(value, octets, padding.PKCS1v15(), hashes.SHA256())

        verifier.hashes(batches.pop())
        ours, theirs = _interleaved([lambda batch=batch: verifier.hashes(batch) for batch in batches], [raw] * 4)
        files = [f"{self._written(xml)}:SHA256:{digest.hex()}" for xml, digest in batches[-1]]
        return Timed(
            "100 XAdES-T of one signer with paths, multiple of 200 raw verifies",
            ours, "200 cryptography RSAPublicKey.verify, RSA-2048", theirs, 8, files,
        )  # fmt: skip

    def small_documents(self) -> Timed:
        """PAdES-T of 20 KB."""
        signer, verifier = self._town.signer(listed=False), self.verifier()
        plain = few_objects(20_000)
        documents = [signer.signed_pdf(self._pades, plain) for _ in range(SMALL + 1)]
        verifier.document(documents[0])
        self._pyhanko(documents[0])
        ours, theirs = _interleaved(
            [lambda one=one: verifier.document(one) for one in documents[1:]],
            [lambda one=one: self._pyhanko(one) for one in documents[1:]],
        )
        return Timed(
            "PAdES-T of 20 KB with paths, ratio to pyHanko validation",
            ours, "pyHanko validate_pdf_signature", theirs, 0.25, [self._written(documents[1])],
        )  # fmt: skip

    def large_document(self, work: str, pdf: bytes, reach: float) -> Timed:
        """A document of 50 MB in a file, against its hash."""
        path = Path(self._written(self._town.signer(listed=False).signed_pdf(self._pades, pdf)))
        verifier = self.verifier()
        verifier.file(path)
        ours, theirs = _interleaved([lambda: verifier.file(path)] * ROUNDS, [lambda: digest_of(path)] * ROUNDS)
        return Timed(work, ours, "hashlib.file_digest, SHA-256, of the same file", theirs, reach, [str(path)])

    def long_lists(self) -> tuple[Timed, Timed]:
        """LT with a list of 100 000 entries: a verifier's first document with it, and its next."""
        signer = self._town.signer(listed=True)
        kept = [self._town.issuing.crl(_ENTRIES), self._town.root.crl()]
        certificates = [self._town.issuing.der]
        plain = few_objects(20_000)
        documents = [with_lists(signer.signed_pdf(self._pades, plain), kept, certificates) for _ in range(ROUNDS + 1)]
        warm = self._town.signer(listed=False).signed_pdf(self._pades, plain)
        firsts, nexts, theirs = [], [], []
        for before, after in pairwise(documents):
            verifier = self.verifier()
            verifier.document(warm)
            first, following = verifier.stored(before), verifier.stored(after)
            firsts.append(_seconds(lambda v=verifier, d=first: v.document(d)))
            nexts.append(_seconds(lambda v=verifier, d=following: v.document(d)))
            if len(theirs) < 3:
                theirs.append(_seconds(lambda d=after: self._pyhanko_lt(d)))
        reference = "pyHanko validate_pdf_signature with DocumentSecurityStore"
        path = self._written(documents[-1])
        pair = (("first", firsts, 0.12), ("next", nexts, 0.005))
        names = {
            "first": "LT with a 100 000-entry CRL inside, first document, ratio to pyHanko validating one document",
            "next": "LT with the same 100 000-entry CRL inside, next document, "
            "ratio to pyHanko validating one document",
        }
        timed_first, timed_next = (
            Timed(names[which], statistics.median(ours), reference, statistics.median(theirs), reach, [path])
            for which, ours, reach in pair
        )
        return timed_first, timed_next

    def memory(self) -> Row:
        """A PDF of 100 MB, in a process of its own."""
        signer = self._town.signer(listed=False)
        plain = self._folder / "plain.pdf"
        plain.write_bytes(few_objects(_MIB100))
        large, small = self._folder / "large.pdf", self._written(signer.signed_pdf(self._pades, few_objects(20_000)))
        with plain.open("rb") as source, large.open("wb") as out:
            signer.sign(self._pades, source, out)
        plain.unlink()
        command = [sys.executable, __file__, str(self._anchors), str(self._contents), small, str(large)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            sys.exit(f"not measured: {done.stderr.decode(errors='replace')}")
        added = json.loads(done.stdout)
        large.unlink()
        return Row(
            work="PDF of 100 MB, added peak memory in MB",
            measured=added,
            unit="MB",
            reference="the reach",
            reference_measured=32.0,
            reach=32.0,
            absolute=True,
        )

    def against_dss(self, timed: Sequence[Timed]) -> Row:
        """The worst of the timed rows, by EU DSS's time on the same files."""
        theirs = _dss_seconds(self._folder, self._anchors, [one.files for one in timed])
        worst = max(zip(timed, theirs, strict=True), key=lambda pair: pair[0].ours / pair[1])
        return Row(
            work="worst timed row against EU DSS on the same files, our time ÷ its time",
            measured=worst[0].ours * 1000,
            unit="ms",
            reference=f"EU DSS 6.4 validateDocument, warmed JVM; {worst[0].work}",
            reference_measured=worst[1] * 1000,
            reach=1,
        )

    def _written(self, octets: bytes) -> str:
        path = self._folder / f"{secrets.token_hex(8)}.signed"
        path.write_bytes(octets)
        return str(path)

    def _pyhanko(self, pdf: bytes) -> None:
        (found,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
        status = validate_pdf_signature(found, self._context, self._context)
        if not (status.bottom_line and status.timestamp_validity is not None):
            sys.exit("not measured: pyHanko does not accept the document")

    def _pyhanko_lt(self, pdf: bytes) -> None:
        reader = PdfFileReader(BytesIO(pdf))
        (found,) = reader.embedded_signatures
        store = DocumentSecurityStore.read_dss(reader)
        context = store.as_validation_context(_pyhanko_arguments(self._town))
        status = validate_pdf_signature(found, context, context)
        if not (status.valid and status.intact and status.trusted):
            sys.exit("not measured: pyHanko does not accept the document")


def measure() -> list[Row]:
    """Every row of the table."""
    missing = [program for program in ("java", "javac", "mvn") if shutil.which(program) is None]
    if missing:
        sys.exit(f"not measured: EU DSS needs {', '.join(missing)}: apt-get install openjdk-17-jdk-headless maven")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            timed = [bench.many_hashes(), bench.small_documents()]
            few = "PAdES of 50 MB with few objects, multiple of its hash"
            timed.append(bench.large_document(few, few_objects(_MIB50), 1.4))
            many = "PAdES of 50 MB with 85 000 objects in object streams, multiple of its hash"
            timed.append(bench.large_document(many, many_objects(_MIB50, _OBJECTS), 6))
            timed.extend(bench.long_lists())
            return [*(one.row() for one in timed), bench.memory(), bench.against_dss(timed)]
        finally:
            bench.close()


def _pyhanko_arguments(town: Town) -> dict[str, Any]:
    from asn1crypto import x509 as asn1_x509  # noqa: PLC0415 - for the reference alone

    anchors = [asn1_x509.Certificate.load(town.root.der)]
    others = [asn1_x509.Certificate.load(town.issuing.der)]
    return {"trust_roots": anchors, "other_certs": others, "allow_fetching": False, "revocation_mode": "soft-fail"}


def _pyhanko_context(town: Town) -> ValidationContext:
    return ValidationContext(**_pyhanko_arguments(town))


def _interleaved(ours: Sequence[Callable[[], object]], theirs: Sequence[Callable[[], object]]) -> tuple[float, float]:
    """Medians of both, taking turns."""
    mine, other = [], []
    for one, reference in zip(ours, theirs, strict=True):
        mine.append(_seconds(one))
        other.append(_seconds(reference))
    return statistics.median(mine), statistics.median(other)


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _dss_seconds(folder: Path, anchors: Path, groups: Sequence[Sequence[str]]) -> list[float]:
    """EU DSS's time for each group of files, built from the oracle's libraries; the same files are timed once."""
    sys.path.insert(0, str(_ORACLE))
    import dss_oracle  # noqa: PLC0415 - of the tests; Maven is asked first

    try:
        jar = dss_oracle.build()
    except (dss_oracle.DssUnavailable, RuntimeError) as problem:
        sys.exit(f"not measured: {problem}")
    classes = folder / "classes"
    path = f"{jar}:{jar.parent / 'lib'}/*"
    subprocess.run(["javac", "-cp", path, "-d", str(classes), str(_HERE / "dss" / "Timing.java")], check=True)
    lists = []
    different = list(dict.fromkeys(tuple(files) for files in groups))
    for number, files in enumerate(different):
        lists.append(folder / f"group-{number}.txt")
        lists[-1].write_text("\n".join(files) + "\n", encoding="utf-8")
    command = [
        "java",
        "-Xmx3g",
        "-Djava.awt.headless=true",
        "-cp",
        f"{classes}:{path}",
        "Timing",
        str(anchors / "root.pem"),
        *map(str, lists),
    ]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_JVM_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        sys.exit(f"not measured: EU DSS did not come to an end in {_JVM_SECONDS} seconds")
    if done.returncode:
        sys.exit(f"not measured: EU DSS: {done.stderr.decode(errors='replace')[-1000:]}")
    seconds = dict(zip(different, map(float, done.stdout.split()), strict=True))
    return [seconds[tuple(files)] for files in groups]


def _added_memory(anchors: Path, contents: Path, small: Path, large: Path) -> float:
    """MB above what is held when idle, of this process and its children together."""
    verifier = Verifier(anchors, contents)
    verifier.file(small)
    verifier.file(small)
    gc.collect()
    processes = [os.getpid(), *children(os.getpid())]
    before = {pid: reset(pid) for pid in processes}
    verifier.file(large)
    return sum(most(pid) - idle for pid, idle in before.items()) / _MB


if __name__ == "__main__":
    print(json.dumps(_added_memory(*map(Path, sys.argv[1:]))))
