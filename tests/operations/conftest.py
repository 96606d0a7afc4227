"""The rooms that operations lean on, in memory: small, and as honest as their doors say."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.domain.contents import ContentDigest, ContentId, ContentType, StoredContent
from gateway.domain.parties import NO_LIMITS, Consumer, ConsumerId, ExpectedSigner
from gateway.domain.requests import ContentProgress, RequestId, SignContent, SignRequest
from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind, TimeStampFound, Trust, TrustVerdict
from gateway.errors import (
    AuthorityUnavailable,
    InvalidRequest,
    RequestNotFound,
    StoredContentMissing,
    UnreadableSignature,
    UnsignableDocument,
)
from gateway.instruments.api import Ask, Choice, Field
from gateway.operations.completion import Completion
from gateway.operations.sign import Signing
from gateway.storage.api import Forgotten, RequestRecord
from gateway.timestamps.api import TimeStampToken

BEGINNING = datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = BEGINNING

    def __call__(self):
        return self.now

    def move(self, **more):
        self.now += timedelta(**more)


class Ids:
    """Numbers in the form of 128 random bits."""

    def __init__(self):
        self.given = []

    def __call__(self):
        self.given.append(hashlib.md5(str(len(self.given)).encode()).hexdigest())
        return self.given[-1]


class MemoryContents:
    """A content store: written once, gone when deleted, touched at the clock's time."""

    def __init__(self, clock):
        self.bytes, self.touched, self._clock, self._number = {}, {}, clock, 0

    def create(self):
        return _Writer(self)

    def keep(self, data):
        with self.create() as writer:
            writer.write(data)
            return writer.commit()

    def open(self, content_id):
        if content_id not in self.bytes:
            raise StoredContentMissing
        return io.BytesIO(self.bytes[content_id])

    def delete(self, content_id):
        self.bytes.pop(content_id, None)

    def older_than(self, moment):
        return iter([content_id for content_id in list(self.bytes) if self.touched[content_id] < moment])

    def _commit(self, data):
        self._number += 1
        content_id = ContentId(f"content-{self._number}")
        self.bytes[content_id], self.touched[content_id] = data, self._clock()
        return StoredContent(content_id, len(data), hashlib.sha256(data).digest())


class _Writer:
    def __init__(self, store):
        self._store, self._data = store, bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def write(self, data, /):
        self._data += data
        return len(data)

    def commit(self):
        return self._store._commit(bytes(self._data))


class MemoryRequests:
    """Requests behind their door: every write is guarded and says whether it took effect."""

    def __init__(self):
        self.records, self._lock, self.judged = {}, threading.Lock(), []

    def refuse_excess(self, consumer_id, now, limits, more_bytes):
        self.judged.append((limits, more_bytes))
        if limits.open_requests is not None and len(self.records) >= limits.open_requests:
            raise InvalidRequest("request", "too many")

    def add(self, request, limits=NO_LIMITS):
        self.refuse_excess(request.consumer_id, request.created, limits, 0)
        waiting = tuple(ContentProgress(content.index) for content in request.contents)
        self.records[request.id] = RequestRecord(request, None, None, waiting)

    def get(self, request_id):
        if request_id not in self.records:
            raise RequestNotFound
        return self.records[request_id]

    def take_pen(self, session, now, *, superseding):
        with self._lock:
            record = self.records[session.request_id]
            holder = record.pen.id if record.pen is not None else None
            if holder != superseding or record.outcome is not None or now >= record.request.expires:
                return False
            self.records[session.request_id] = replace(record, pen=session)
            return True

    def update_session(self, session, now):
        with self._lock:
            record = self._held(session.id)
            if record is None:
                return False
            self.records[record.request.id] = replace(record, pen=session)
            return True

    def keep_memo(self, session_id, memo, now, *, consent):
        with self._lock:
            record = self._held(session_id)
            if record is None or (consent is not None and record.pen.consent_nonce is not None):
                return False
            pen = replace(record.pen, memo=dict(memo))
            if consent is not None:
                pen = replace(pen, consent_nonce=consent, consented=None)
            self.records[record.request.id] = replace(record, pen=pen)
            return True

    def use_consent(self, session_id, nonce, now):
        with self._lock:
            record = self._held(session_id)
            if record is None or record.pen.consent_nonce != nonce:
                return False
            pen = replace(record.pen, consent_nonce=None, consented=now)
            self.records[record.request.id] = replace(record, pen=pen)
            return True

    def save_progress(self, session_id, updates, now):
        with self._lock:
            record = self._held(session_id)
            if record is None:
                return False
            self.records[record.request.id] = _progressed(record, updates)
            return True

    def record_outcome(self, session_id, updates, outcome, now):
        with self._lock:
            record = self._held(session_id)
            if record is None or now >= record.request.expires:
                return False
            self.records[record.request.id] = replace(_progressed(record, updates), outcome=outcome)
            return True

    def contents_in_use(self, content_ids):
        return {content_id for content_id in content_ids if content_id in self._claimed()}

    def delete_created_before(self, moment, limit):
        old = [r for r in self.records.values() if r.request.created < moment][:limit]
        before = self._claimed()
        for record in old:
            del self.records[record.request.id]
        return Forgotten(len(old), tuple(sorted(before - self._claimed())))

    def _held(self, session_id):
        """The record whose pen *session_id* holds, while it has no outcome."""
        for record in self.records.values():
            if record.pen is not None and record.pen.id == session_id and record.outcome is None:
                return record
        return None

    def _claimed(self):
        claimed = set()
        for record in self.records.values():
            for content in record.request.contents:
                if isinstance(content.content, StoredContent):
                    claimed.add(content.content.content_id)
            claimed |= {p.result.content_id for p in record.progress if isinstance(p.result, StoredContent)}
        return claimed


def _progressed(record, updates):
    latest = {item.index: item for item in (*record.progress, *updates)}
    return replace(record, progress=tuple(latest[index] for index in sorted(latest)))


def sign_with(certificate, octets):
    """What a key of this stand-in answers."""
    return hashlib.sha256(b"key of " + certificate + octets).digest()


class MemoryEngine:
    """
    A signature format of lines in JSON: what is prepared, its value, its token. A document comes before its lines.

    *forgets* and *spoils* let it write what does not read back as ours, for contents that hold the given bytes.
    """

    MARK = b"\n%signature "

    def __init__(self):
        self.inspected, self.prepared, self.completed = [], [], 0
        self.spoils = self.forgets = self.unsignable = None

    def inspect(self, document, *, multiple_signatures, appearance=None):
        data = document.read()
        if appearance is not None and appearance.page > 1:
            raise UnsignableDocument("has no such page")
        self.inspected.append((data, multiple_signatures))
        if data.startswith(b"encrypted"):
            raise UnsignableDocument("is encrypted")
        if self.MARK in data and not multiple_signatures:
            raise UnsignableDocument("is signed already")

    def prepare(self, content, parameters):
        data = self._bytes(content)
        if self.unsignable is not None and self.unsignable in data:
            raise UnsignableDocument("cannot be read any more")
        self.prepared.append(parameters)
        said = [
            hashlib.sha256(data).hexdigest(),
            parameters.certificate.der.hex(),
            parameters.signing_time.isoformat(),
            parameters.signature_id,
            parameters.reason,
        ]
        return PreparedSignature(DataToBeSigned(json.dumps(said).encode()), b"state of " + data[:4])

    def imprint(self, prepared, value):
        assert prepared.state.startswith(b"state of ")
        return hashlib.sha256(value.octets).digest()

    def complete(self, content, prepared, value, token, out):
        data = self._bytes(content)
        self.completed += 1
        octets = prepared.data.octets
        if self.spoils is not None and self.spoils in data:
            octets = octets.replace(b"2026", b"2025")
        line = json.dumps([octets.decode(), value.octets.hex(), (token or b"").hex()]).encode()
        if self.forgets is not None and self.forgets in data:
            line = None
        if not isinstance(content, ContentDigest):
            out.write(data)
        if line is not None:
            out.write(self.MARK + line)

    def read(self, signature, content):
        data = signature.read()
        before, *lines = data.split(self.MARK)
        verdicts = []
        for line in lines:
            octets, value, token = json.loads(line)
            digest, certificate, *_ = json.loads(octets)
            covered = content if content is not None else before
            before += self.MARK + line
            holds = bytes.fromhex(value) == sign_with(bytes.fromhex(certificate), octets.encode())
            holds = holds and digest == hashlib.sha256(covered).hexdigest()
            verdicts.append(
                IntegrityVerdict(
                    kind=SignatureKind.SIGNATURE,
                    crypto_valid=holds,
                    structure_valid=True,
                    failure=None,
                    certificate=bytes.fromhex(certificate),
                    certificate_reference_matches=True,
                    other_certificates=(),
                    time_stamps=(TimeStampFound(bytes.fromhex(token), b""),),
                    claimed_signing_time=None,
                    signature_digests=frozenset(),
                    content_digest=None,
                )
            )
        if content is not None and not verdicts:
            raise UnreadableSignature("no signature")
        return verdicts

    @staticmethod
    def _bytes(content):
        return content.value if isinstance(content, ContentDigest) else content.read()


class MemoryAuthority:
    """A time-stamping authority; *silent* for the imprints with these positions in a batch, or for all."""

    def __init__(self):
        self.silent, self.asked = frozenset(), []

    def tokens(self, imprints, algorithm, now):
        self.asked.append(list(imprints))
        return [
            AuthorityUnavailable("tsa", "no answer in time")
            if self.silent == "all" or position in self.silent
            else TimeStampToken(b"token over " + imprint, now, "tsa")
            for position, imprint in enumerate(imprints)
        ]


class MemoryJudge:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self):
        self.trust, self.plain_number_trusted, self.asked = Trust.GOOD, False, []

    def judge(self, certificate, purpose, **more):
        self.asked.append((certificate, purpose, more))
        detail = "OCSP responder does not answer" if self.trust is Trust.STATUS_UNKNOWN else ""
        return TrustVerdict(self.trust, more["at"], plain_number_trusted=self.plain_number_trusted, detail=detail)


class PinInstrument:
    """Persons who hold a key and a PIN; ``leaves`` are positions in a batch that the device would not sign."""

    name = "pin"

    def __init__(self, certificates):
        self.certificates, self.pins = certificates, dict.fromkeys(certificates, "1234")
        self.attempts, self.leaves, self.visits, self.opened, self.closed = 5, (), [], 0, 0
        self.instead = self.on_choose = self.while_signing = None
        self.late = set()

    def choose(self, answers, memo, visit):
        self.visits.append(visit)
        if self.on_choose is not None:
            return self.on_choose(answers, memo)
        holder = answers.get("person")
        if holder is None:
            return Ask((Field("person"),))
        if holder not in self.certificates:
            return Ask((Field("person"),), problem="unknown-person", problem_field="person")
        certificate = None if holder in self.late else self.certificates[holder]
        return Choice(holder, certificate, {"chosen": holder})

    def ask(self, holder, visit):
        return Ask((Field("pin", secret=True),), attempts_left=self.attempts)

    def open(self, holder, answers, memo, visit):
        self.visits.append(visit)
        if answers.get("pin") != self.pins[holder]:
            self.attempts -= 1
            return Ask((Field("pin", secret=True),), "wrong-pin", "pin", attempts_left=self.attempts)
        self.opened += 1
        return _Device(self, self.instead or self.certificates[holder], memo)


class _Device:
    def __init__(self, instrument, certificate, memo):
        self._instrument, self.certificate, self.memo = instrument, certificate, memo

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._instrument.closed += 1

    def sign(self, data):
        if self._instrument.while_signing is not None:
            answer = self._instrument.while_signing(data, self.memo)
            if answer is not None:
                return answer
        return [
            None
            if position in self._instrument.leaves
            else SignatureValue(sign_with(self.certificate.der, item.octets))
            for position, item in enumerate(data)
        ]


def certificate_of(name, number="2000000000007", **more):
    given = {
        "der": b"certificate of " + name.encode(),
        "sha256": hashlib.sha256(name.encode()).digest(),
        "subject": f"CN={name}",
        "common_name": name,
        "issuer": "CN=TEST",
        "serial": "01",
        "serial_number_attribute": f"PNOMD-{number}",
        "not_before": BEGINNING - timedelta(days=1),
        "not_after": BEGINNING + timedelta(days=1),
        "key_algorithm": KeyAlgorithm.P256,
        "may_sign": True,
        "chain": (b"issuer",),
    }
    return SigningCertificate(**{**given, **more})


@dataclass
class House:
    """The operations, wired on the stand-ins."""

    clock: Clock
    ids: Ids
    contents: MemoryContents
    requests: MemoryRequests
    engine: MemoryEngine
    authority: MemoryAuthority
    judge: MemoryJudge
    pin: PinInstrument
    completion: Completion
    signing: Signing
    consumer: Consumer

    @property
    def engines(self) -> Mapping:
        return dict.fromkeys(ContentType, self.engine)

    def hashes(self, *texts, correlation=True):
        return [
            SignContent(i, f"c{i}" if correlation else None, None, ContentDigest.of(hashlib.sha256(t).digest()))
            for i, t in enumerate(texts)
        ]

    def documents(self, *texts):
        return [SignContent(i, f"c{i}", f"{i}.pdf", self.contents.keep(t)) for i, t in enumerate(texts)]

    def request(self, contents, *, lifetime=timedelta(hours=1), **more):
        """Keep a request, as if it had been posted now."""
        content_type = ContentType.HASH if isinstance(contents[0].content, ContentDigest) else ContentType.PDF
        given = {
            "id": RequestId(self.ids()),
            "consumer_id": self.consumer.id,
            "content_type": content_type,
            "contents": tuple(contents),
            "short_description": "Contract",
            "description": "Contract of sale",
            "signature_reason": "I agree",
            "expected_signer": None,
            "created": self.clock(),
            "expires": self.clock() + lifetime,
        }
        request = SignRequest(**{**given, **more})
        self.requests.add(request)
        return request.id

    def record(self, request_id):
        return self.requests.get(request_id)

    def states(self, request_id):
        return [item.state.value for item in self.record(request_id).progress]

    # a visit, as the page makes it

    def choose(self, request_id, browser=b"a", person="Ana"):
        self.signing.take_pen(request_id, browser)
        return self.signing.choose(request_id, browser, "pin", {"person": person}, "192.0.2.7")

    def token(self, request_id, browser=b"a"):
        return self.signing.confirmation(request_id, browser, "192.0.2.7").token

    def sign(self, request_id, browser=b"a", token=None, pin="1234"):
        given = token if token is not None else self.token(request_id, browser)
        return self.signing.sign(request_id, browser, given, {"pin": pin}, "192.0.2.7")

    def visit(self, request_id, browser=b"a", person="Ana"):
        self.choose(request_id, browser, person)
        return self.sign(request_id, browser)


@pytest.fixture
def house():
    clock, ids = Clock(), Ids()
    contents, requests, engine = MemoryContents(clock), MemoryRequests(), MemoryEngine()
    authority, judge = MemoryAuthority(), MemoryJudge()
    certificates = {"Ana": certificate_of("Ana"), "Ion": certificate_of("Ion", "2000000000014")}
    pin = PinInstrument(certificates)
    engines = dict.fromkeys(ContentType, engine)
    completion = Completion(contents, engines, authority)
    signing = Signing(
        requests,
        contents,
        engines,
        {"pin": pin},
        judge,
        completion,
        read_certificate=lambda der, chain: next(c for c in certificates.values() if c.der == der),
        clock=clock,
        new_id=ids,
    )
    consumer = Consumer(ConsumerId("consumer"), "e-service", "CN=TLS", "01")
    return House(clock, ids, contents, requests, engine, authority, judge, pin, completion, signing, consumer)


@pytest.fixture
def make_certificate():
    return certificate_of


@pytest.fixture
def expected_signer():
    return ExpectedSigner
