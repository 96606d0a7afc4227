"""Signing with every key and format, against the key operation itself, signxml, pyHanko and EU DSS."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import math
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sign_material import Person, Stamping, many_objects
from sign_memory import added_megabytes
from sign_peers import PyHanko, Signxml, dss_seconds, require_dss
from sign_token import token_store
from tables import Row
from verify_material import Authority, digest_of, few_objects

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.domain.signatures import PreparedSignature, SignatureValue
from gateway.errors import AuthorityUnavailable
from gateway.formats.api import SignatureParameters
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.xades.engine import XadesEngine
from gateway.keys.api import OpenKey
from gateway.timestamps.client import HttpTimeStamping
from gateway.timestamps.tokens import Rfc3161Reader

TITLE = "signing"
ABOUT = """\
The signature engines with keys in memory (SoftHSM2 where it is said), in one process with its warm children. Raw is
`cryptography` signing as many octets with the same warm key; the limit of N contents is the hash of their bytes, N such
operations, and ⌈N/32⌉ round trips to the time-stamping authority where there is one, all done and timed in turns with
our rounds. The authority signs with RSA-2048 in a process of its own, behind a socket, and answers 20 ms after a query
has arrived; each token that comes is checked. Medians are taken: of processor time where all of the work is in this
process, of time by the clock where other processes or an authority take part.

A batch is prepared, signed, stamped and completed as a whole. Documents of 50 MB lie in files and are completed into a
sink that keeps nothing, for where they are kept is the store's business; reading them is counted, on both sides, and
they were written some seconds before, as a content is that waits for its signer. Memory
is what the process and its children take above what they held when idle, for the worse of both documents. The PIN's
stretching, a cost by choice, is left out of the SoftHSM2 row; its raw is python-pkcs11 with the same kind of key on the
same token. What is read back is checked as `operations/completion.py` does.

The usual libraries' figure stands with the reference: signxml's `XAdESSigner` with a loaded key, pyHanko's `sign_pdf`
with `SimpleSigner`, and its HTTP client for time-stamps one after the other. EU DSS (6.4, keys in memory, warmed for up
to eight seconds) does the same work in one JVM on every core there is; where time-stamps are wanted 32 of its threads
sign at once. The last row is the worst of the timed rows, by the clock on both sides."""

WORKS = {
    "rsa": "XAdES-B RSA-2048 written, share of raw rate",
    "rsa-read": "XAdES-B RSA-2048 written and read back, share of raw rate",
    "p256": "XAdES-B P-256 written, share of raw rate",
    "token": "XAdES-B P-256 on SoftHSM2, one batch of 100 with its unwrap (PIN stretching aside), "
    "share of its raw rate",
    "xades-t-100": "100 XAdES-T with a TSA that answers after 20 ms, multiple of limit",
    "xades-t-1000": "1000 XAdES-T with the same TSA, multiple of limit",
    "small": "PAdES-B of 20 KB, multiple of limit",
    "few": "PAdES-B of 50 MB with few objects, multiple of limit",
    "many": "PAdES-B of 50 MB with 85 000 objects, multiple of limit",
    "memory": "PAdES-B of 50 MB, added peak memory in MB",
    "pades-t-100": "100 PAdES-T of 20 KB with the same TSA, multiple of limit",
    "dss": "worst timed row against EU DSS doing equal work (memory and SoftHSM2 rows aside), our time ÷ its time",
}
"""Every row of the table, by a name of ours."""

BATCH, MOST, ROUNDS, AT_ONCE = 100, 1000, 7, 32
_SMALL, _LARGE, _OBJECTS = 20_000, 50_000_000, 85_000
_CONTENT = secrets.token_hex(16)


class Span(NamedTuple):
    """Seconds of one round: by the processor (this process alone) and by the clock."""

    processor: float
    clock: float


@dataclass(frozen=True, slots=True)
class Timed:
    """A timed row: the row, our seconds by the clock, and the same work for EU DSS (empty: not asked)."""

    row: Row
    seconds: float
    job: str


class Hashes:
    """Batches of hashes signed in XAdES by one person."""

    def __init__(self, person: Person, authority: HttpTimeStamping | None = None) -> None:
        self._certificate = person.certificate
        self._key: OpenKey = person.key
        self._engine = XadesEngine()
        self._authority = authority
        self._drawn = [ContentDigest.of(secrets.token_bytes(32)) for _ in range(MOST)]

    def sign(self, number: int, *, read: bool = False) -> None:
        """*number* hashes."""
        contents = self._drawn[:number]
        written = _signed(self._engine, contents, self._certificate, self._key, self._authority)
        if read:
            for content, signature in zip(contents, written, strict=True):
                _require_ours(self._engine, signature, content, self._certificate)


class Documents:
    """Documents signed in PAdES by one person."""

    def __init__(self, person: Person, authority: HttpTimeStamping | None = None) -> None:
        self._certificate = person.certificate
        self._key: OpenKey = person.key
        self._engine = PadesEngine()
        self._authority = authority

    def sign(self, pdfs: Sequence[bytes]) -> None:
        """Small ones, in memory."""
        _signed(self._engine, list(map(BytesIO, pdfs)), self._certificate, self._key, self._authority)

    def sign_file(self, path: Path) -> None:
        """A large one, which lies in a file; what is written goes nowhere."""
        with path.open("rb") as source, Path(os.devnull).open("wb") as out:
            prepared = self._engine.prepare(source, _parameters(self._certificate, _now()))
            (value,) = self._key.sign([prepared.data])
            self._engine.complete(source, prepared, value, None, out)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _parameters(certificate: SigningCertificate, now: datetime) -> SignatureParameters:
    return SignatureParameters(certificate, now, secrets.token_hex(16))


def _signed(
    engine: Any, contents: Sequence[Any], certificate: SigningCertificate, key: OpenKey, authority: Any
) -> list[BytesIO]:
    """Prepared, signed, stamped where there is an *authority*, and completed."""
    now = _now()
    prepared = [engine.prepare(content, _parameters(certificate, now)) for content in contents]
    values = key.sign([one.data for one in prepared])
    tokens = _tokens(engine, prepared, values, authority) if authority is not None else [None] * len(prepared)
    written = []
    for content, one, value, token in zip(contents, prepared, values, tokens, strict=True):
        out = BytesIO()
        engine.complete(content, one, value, token, out)
        written.append(out)
    return written


def _tokens(
    engine: Any, prepared: Sequence[PreparedSignature], values: Sequence[SignatureValue], authority: HttpTimeStamping
) -> list[bytes]:
    imprints = [engine.imprint(one, value) for one, value in zip(prepared, values, strict=True)]
    found = authority.tokens(imprints, DigestAlgorithm.SHA256, datetime.now(UTC))
    missing = [answer for answer in found if isinstance(answer, AuthorityUnavailable)]
    if missing:
        sys.exit(f"not measured: the time-stamping authority: {missing[0]}")
    return [answer.der for answer in found if not isinstance(answer, AuthorityUnavailable)]


def _require_ours(engine: Any, out: BytesIO, content: ContentDigest, certificate: SigningCertificate) -> None:
    out.seek(0)
    (found,) = engine.read(out, content.value)
    if not (found.crypto_valid and found.structure_valid is not False and found.certificate == certificate.der):
        sys.exit("not measured: a signature does not read back")


class Bench:
    """One run: its authorities, its signers, its folder."""

    def __init__(self, folder: Path, stamping: Stamping, issuing: Authority) -> None:
        self._folder = folder
        self._stamping = stamping
        self._issuing = issuing
        self._rsa = Person(issuing, KeyAlgorithm.RSA_2048, folder)
        self._p256 = Person(issuing, KeyAlgorithm.P256, folder)
        self._pyhanko = PyHanko(self._rsa, stamping.url)
        self._authority = HttpTimeStamping(
            "bench", stamping.url, timeout=timedelta(seconds=10),
            nonce=lambda: secrets.randbits(64), reader=Rfc3161Reader(),
        )  # fmt: skip

    def hashes(self, name: str, reach: float, *, read: bool = False) -> Timed:
        """Level B, as a share of the raw rate."""
        person = self._rsa if name.startswith("rsa") else self._p256
        ours, octets = Hashes(person), secrets.token_bytes(1100)

        def raw() -> None:
            for _ in range(BATCH):
                person.sign_raw(octets)

        mine, bare = _in_turns([lambda: ours.sign(BATCH, read=read), raw])
        usual = "" if read else f"; signxml {_share(Signxml(person), bare.processor):.2f}"
        row = Row(
            work=WORKS[name],
            measured=BATCH / mine.processor,
            unit="1/s",
            reference=f"cryptography {type(person.private).__name__}.sign, warm key{usual}",
            reference_measured=BATCH / bare.processor,
            reach=reach,
            at_least=True,
            share=True,
        )
        return Timed(row, mine.clock, f"{'xades-read' if read else 'xades'},{person.name},B,{BATCH}")

    def token(self) -> Row:
        """One batch on a token, with the key's unwrapping."""
        engine = XadesEngine()
        with token_store(self._folder, self._issuing) as held:
            contents = [ContentDigest.of(secrets.token_bytes(32)) for _ in range(BATCH)]

            def ours() -> None:
                with held.opened() as key:
                    _signed(engine, contents, held.certificate, key, None)

            mine, bare = _in_turns([ours, lambda: held.sign_raw(BATCH)], rounds=3 * ROUNDS)
        return Row(
            work=WORKS["token"],
            measured=BATCH / mine.processor,
            unit="1/s",
            reference="python-pkcs11 PrivateKey.sign, ECDSA of a digest, warm session",
            reference_measured=BATCH / bare.processor,
            reach=0.72,
            at_least=True,
            share=True,
        )

    def stamped_hashes(self, number: int, reach: float, rounds: int) -> Timed:
        """Level T."""
        ours = Hashes(self._rsa, self._authority)
        limit = self._limit(number, b"")
        mine, bare = _in_turns([lambda: ours.sign(number), limit], rounds=rounds)
        usual = ""
        if number == BATCH:
            signing = Signxml(self._rsa)
            taken = _span(lambda: asyncio.run(self._one_after_the_other(signing, number)))
            usual = f"; signxml with pyHanko's TSA client ×{taken.clock / bare.clock:.0f}"
        return _multiple(f"xades-t-{number}", reach, mine, bare, usual, f"xades,rsa,T,{number}")

    async def _one_after_the_other(self, signing: Signxml, number: int) -> None:
        for _ in range(number):
            signing.sign(_CONTENT)
            await self._pyhanko.stamp(secrets.token_bytes(32))

    def small_documents(self) -> Timed:
        """Level B of 20 KB."""
        ours, pdf = Documents(self._rsa), few_objects(_SMALL)
        number = 20
        mine, bare, usual = _in_turns(
            [
                lambda: ours.sign([pdf] * number),
                self._limit(number, pdf, stamped=False),
                lambda: self._pyhanko.sign(BytesIO(pdf)),
            ]
        )
        note = f"; pyHanko ×{number * usual.clock / bare.clock:.0f}"
        job = f"pades,rsa,B,{number},{self._kept('small.pdf', pdf)}"
        return _multiple("small", 5, mine, bare, note, job)

    def stamped_documents(self) -> Timed:
        """Level T of 20 KB."""
        ours, pdf = Documents(self._rsa, self._authority), few_objects(_SMALL)
        limit = self._limit(BATCH, pdf)
        mine, bare, usual = _in_turns(
            [lambda: ours.sign([pdf] * BATCH), limit, lambda: self._pyhanko.sign(BytesIO(pdf), stamped=True)], rounds=5
        )
        note = f"; pyHanko, one after the other ×{BATCH * usual.clock / bare.clock:.0f}"
        job = f"pades,rsa,T,{BATCH},{self._kept('small.pdf', pdf)}"
        return _multiple("pades-t-100", 2.5, mine, bare, note, job)

    def large_document(self, name: str, pdf: bytes, reach: float) -> Timed:
        """Level B of 50 MB."""
        path = self._kept(f"{name}.pdf", pdf)
        time.sleep(3)  # a content waits for its signer
        ours, octets = Documents(self._rsa), secrets.token_bytes(200)

        def limit() -> None:
            digest_of(path)
            self._rsa.sign_raw(octets)

        def usual() -> None:
            with path.open("rb") as source:
                self._pyhanko.sign(source)

        mine, bare, theirs = _in_turns([lambda: ours.sign_file(path), limit, usual], rounds=5)
        note = f"; pyHanko ×{theirs.clock / bare.clock:.1f}"
        return _multiple(name, reach, mine, bare, note, f"pades,rsa,B,1,{path}")

    def memory(self) -> Row:
        """Of the worse of both large documents, which ``large_document`` has left."""
        small, paths = (
            self._kept("small.pdf", few_objects(_SMALL)),
            (self._folder / "few.pdf", self._folder / "many.pdf"),
        )
        ours = max(added_megabytes("ours", self._folder, small, path) for path in paths)
        return Row(
            work=WORKS["memory"],
            measured=ours,
            unit="MB",
            reference="pyHanko sign_pdf of the one with few objects, from bytes",
            reference_measured=added_megabytes("pyhanko", self._folder, small, paths[0]),
            reach=32,
            absolute=True,
        )

    def against_dss(self, jar: Path, timed: Sequence[Timed]) -> Row:
        """The worst of the timed rows, by EU DSS's time for the same work."""
        theirs = dss_seconds(jar, self._folder, self._stamping.url, [one.job for one in timed])
        worst, its = max(zip(timed, theirs, strict=True), key=lambda pair: pair[0].seconds / pair[1])
        return Row(
            work=WORKS["dss"],
            measured=worst.seconds * 1000,
            unit="ms",
            reference=f"EU DSS 6.4, warmed JVM; {worst.row.work}",
            reference_measured=its * 1000,
            reach=1,
        )

    def _limit(self, number: int, content: bytes, *, stamped: bool = True) -> Callable[[], None]:
        """The least that *number* contents of so many bytes need, as work that can be done."""
        octets, trips = secrets.token_bytes(1100), math.ceil(number / AT_ONCE) if stamped else 0

        def least() -> None:
            for _ in range(number):
                if content:
                    hashlib.sha256(content).digest()
                self._rsa.sign_raw(octets)
            for _ in range(trips):
                self._stamping.round_trip()

        return least

    def _kept(self, name: str, octets: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(octets)
        return path


def measure() -> list[Row]:
    """Every row of the table, in its order."""
    jar = require_dss()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        root = Authority("Bench root", None)
        issuing = Authority("Bench issuing", root)
        (folder / "issuing.der").write_bytes(issuing.der)
        with Stamping(root, folder) as stamping:
            bench = Bench(folder, stamping, issuing)
            token = bench.token()
            hashes = [bench.hashes("rsa", 0.93), bench.hashes("rsa-read", 0.70, read=True), bench.hashes("p256", 0.60)]
            stamped = [bench.stamped_hashes(BATCH, 1.3, 5), bench.stamped_hashes(MOST, 1.5, 3)]
            documents = [
                bench.small_documents(),
                bench.large_document("few", few_objects(_LARGE), 1.3),
                bench.large_document("many", many_objects(_LARGE, _OBJECTS), 3),
            ]
            last = bench.stamped_documents()
            memory = bench.memory()
            worst = bench.against_dss(jar, [*hashes, *stamped, *documents, last])
            before = [*(one.row for one in hashes), token, *(one.row for one in (*stamped, *documents))]
            return [*before, memory, last.row, worst]


def _multiple(name: str, reach: float, mine: Span, bare: Span, usual: str, job: str) -> Timed:
    row = Row(
        work=WORKS[name],
        measured=mine.clock * 1000,
        unit="ms",
        reference=f"the limit{usual}",
        reference_measured=bare.clock * 1000,
        reach=reach,
    )
    return Timed(row, mine.clock, job)


def _share(signing: Signxml, raw_processor: float) -> float:
    """Of the raw rate."""
    (taken,) = _in_turns([lambda: [signing.sign(_CONTENT) for _ in range(BATCH)]], rounds=3)
    return raw_processor / taken.processor


def _in_turns(works: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[Span]:
    """Medians of each, taking turns; a first round warms up."""
    found: list[list[Span]] = [[] for _ in works]
    for number in range(rounds + 1):
        for work, spans in zip(works, found, strict=True):
            span = _span(work)
            if number:
                spans.append(span)
    return [Span(*map(statistics.median, zip(*spans, strict=True))) for spans in found]


def _span(work: Callable[[], object]) -> Span:
    gc.collect()
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return Span(time.process_time() - processor, time.perf_counter() - clock)
