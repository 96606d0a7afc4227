"""Small honest stand-ins for what ``operations.sign`` needs; the verb itself, and everything in pages, is real."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.domain.contents import ContentId, StoredContent
from gateway.domain.requests import ContentProgress
from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind, TimeStampFound, Trust, TrustVerdict
from gateway.errors import AuthorityUnavailable, RequestNotFound, StoredContentMissing, UnsignableDocument
from gateway.instruments.api import Ask, Choice, Field
from gateway.storage.api import RequestRecord
from gateway.timestamps.api import TimeStampToken

NOW = datetime(2026, 3, 2, 13, 5, tzinfo=UTC)  # 15:05 in Chișinău
PERSON, PIN = "2999000000014", "482913"


class MemoryContents:
    """Documents by id."""

    def __init__(self):
        self.files, self.opened = {}, []

    def keep(self, octets):
        content_id = ContentId(secrets.token_hex(16))
        self.files[content_id] = octets
        return StoredContent(content_id, len(octets), hashlib.sha256(octets).digest())

    def create(self):
        return _Writer(self)

    def open(self, content_id):
        if content_id not in self.files:
            raise StoredContentMissing
        stream = io.BufferedReader(io.BytesIO(self.files[content_id]))  # as a file on disk: its length is not known
        self.opened.append(stream)
        return stream

    def delete(self, content_id):
        self.files.pop(content_id, None)


class _Writer(io.BytesIO):
    def __init__(self, contents):
        super().__init__()
        self.contents = contents

    def commit(self):
        return self.contents.keep(self.getvalue())


class MemoryRequests:
    """The guards of ``storage.api.RequestStore``, on a dictionary; *writes* counts what took effect."""

    def __init__(self):
        self.records, self.writes = {}, 0

    def add(self, request):
        waiting = tuple(ContentProgress(content.index) for content in request.contents)
        self.records[request.id] = RequestRecord(request, None, None, waiting)

    def get(self, request_id):
        if request_id not in self.records:
            raise RequestNotFound
        return self.records[request_id]

    def _change(self, request_id, **changes):
        self.writes += 1
        self.records[request_id] = replace(self.records[request_id], **changes)
        return True

    def _held(self, session_id):
        for record in self.records.values():
            if record.pen is not None and record.pen.id == session_id and record.outcome is None:
                return record
        return None

    def take_pen(self, session, now, *, superseding):
        record = self.records[session.request_id]
        holder = record.pen.id if record.pen is not None else None
        if holder != superseding or record.outcome is not None or now >= record.request.expires:
            return False
        return self._change(session.request_id, pen=session)

    def update_session(self, session, now):
        return self._held(session.id) is not None and self._change(session.request_id, pen=session)

    def keep_memo(self, session_id, memo, now, *, consent):
        record = self._held(session_id)
        if record is None or (consent is not None and record.pen.consent_nonce is not None):
            return False
        given_back = {} if consent is None else {"consent_nonce": consent, "consented": None}
        return self._change(record.request.id, pen=replace(record.pen, memo=dict(memo), **given_back))

    def use_consent(self, session_id, nonce, now):
        record = self._held(session_id)
        if record is None or record.pen.consent_nonce != nonce:
            return False
        return self._change(record.request.id, pen=replace(record.pen, consent_nonce=None, consented=now))

    def _merge(self, record, updates):
        latest = {item.index: item for item in record.progress} | {item.index: item for item in updates}
        return tuple(latest[index] for index in sorted(latest))

    def save_progress(self, session_id, updates, now):
        record = self._held(session_id)
        return record is not None and self._change(record.request.id, progress=self._merge(record, updates))

    def record_outcome(self, session_id, updates, outcome, now):
        record = self._held(session_id)
        if record is None or now >= record.request.expires:
            return False
        return self._change(record.request.id, progress=self._merge(record, updates), outcome=outcome)


class MemoryArrivals:
    """Arrivals by request and browser, the newest 32 of a request."""

    def __init__(self, requests):
        self.requests, self.kept = requests, OrderedDict()

    def put(self, arrival):
        if arrival.request_id not in self.requests.records:
            return
        self.kept.pop((arrival.request_id, arrival.browser), None)
        self.kept[(arrival.request_id, arrival.browser)] = arrival
        mine = [key for key in self.kept if key[0] == arrival.request_id]
        for key in mine[:-32]:
            del self.kept[key]

    def get(self, request_id, browser):
        return self.kept.get((request_id, browser))

    def rebind(self, request_id, browser, new_browser):
        arrival = self.kept.pop((request_id, browser), None)
        if arrival is not None:
            self.put(replace(arrival, browser=new_browser))


class MemoryConsumers:
    def __init__(self, *consumers):
        self.by_id = {consumer.id: consumer for consumer in consumers}

    def get(self, consumer_id):
        return self.by_id.get(consumer_id)


class PlainEngine:
    """Writes what was signed, by whom and when stamped, as JSON; refuses documents that say so."""

    def prepare(self, content, parameters):
        octets = content.value if hasattr(content, "value") else content.read()
        if b"unsignable" in octets:
            raise UnsignableDocument("says so itself")
        return PreparedSignature(DataToBeSigned(octets), parameters.certificate.der)

    def imprint(self, prepared, value):
        return hashlib.sha256(value.octets).digest()

    def complete(self, content, prepared, value, token, out):
        out.write(json.dumps({"certificate": prepared.state.hex(), "token": token.hex()}).encode())

    def read(self, signature, content):
        said = json.load(signature)
        return [
            IntegrityVerdict(
                kind=SignatureKind.SIGNATURE,
                crypto_valid=True,
                structure_valid=True,
                failure=None,
                certificate=bytes.fromhex(said["certificate"]),
                certificate_reference_matches=True,
                other_certificates=(),
                time_stamps=(TimeStampFound(bytes.fromhex(said["token"]), b""),),
                claimed_signing_time=None,
                signature_digests=frozenset(),
                content_digest=None,
            )
        ]


class Authority:
    """Stamps, unless *silent*."""

    def __init__(self):
        self.silent = False

    def tokens(self, imprints, algorithm, now):
        if self.silent:
            return [AuthorityUnavailable("tsa", "silent") for _ in imprints]
        return [TimeStampToken(b"token " + imprint, now, "tsa") for imprint in imprints]


class Judge:
    """Finds every certificate good, unless *trust* says otherwise."""

    def __init__(self):
        self.trust = Trust.GOOD

    def judge(self, certificate, purpose, *, at, now, others=(), ocsp_responses=(), crls=(), fresh_within=None):
        return TrustVerdict(self.trust, at)


def certificate(person=PERSON, common_name="Ana Mărțișor-Probă", **more):
    given = {
        "der": b"certificate of " + person.encode(),
        "sha256": hashlib.sha256(person.encode()).digest(),
        "subject": f"CN={common_name},serialNumber=PNOMD-{person}",
        "common_name": common_name,
        "issuer": "CN=Test CA",
        "serial": "0A",
        "serial_number_attribute": f"PNOMD-{person}",
        "not_before": NOW - timedelta(days=30),
        "not_after": NOW + timedelta(days=300),
        "key_algorithm": KeyAlgorithm.P256,
        "may_sign": True,
    }
    return SigningCertificate(**{**given, **more})


class HostedKeys:
    """The questions of a hosted key: whose, then the PIN; five attempts, then locked for a quarter of an hour."""

    name = "hosted"

    def __init__(self):
        self.certificates = {PERSON: certificate()}
        self.attempts, self.locked_until, self.problem, self.raises = 5, None, None, None
        self.problem_field = "person"
        self.opens = None

    def choose(self, answers, memo, visit):
        fields = (Field("person", numeric=True),)
        if self.raises is not None:
            raise self.raises
        if self.problem is not None and answers:
            return Ask(fields, self.problem, self.problem_field)
        if "person" not in answers:
            return Ask(fields)
        person = answers["person"]
        if not person:
            return Ask(fields, "person-missing", "person")
        if not (person.isascii() and person.isdigit() and len(person) == 13):
            return Ask(fields, "person-malformed", "person")
        if person not in self.certificates:
            return Ask(fields, "unknown-person", "person")
        return Choice(person, self.certificates[person])

    def ask(self, holder, visit):
        locked = self.locked_until is not None and self.locked_until > visit.now
        return Ask(
            (Field("pin", secret=True, numeric=True),),
            "pin-locked" if locked else None,
            locked_until=self.locked_until if locked else None,
        )

    def open(self, holder, answers, memo, visit):
        ask = self.ask(holder, visit)
        if self.opens is not None:
            if isinstance(self.opens, Exception):
                raise self.opens
            return self.opens
        if ask.locked_until is not None:
            return ask
        if not answers.get("pin"):
            return replace(ask, problem="pin-missing", problem_field="pin")
        if answers["pin"] == PIN:
            return Device(self.certificates[holder])
        self.attempts -= 1
        if self.attempts:
            return replace(ask, problem="wrong-pin", problem_field="pin", attempts_left=self.attempts)
        self.locked_until = visit.now + timedelta(minutes=15)
        return self.ask(holder, visit)


class Device:
    def __init__(self, its_certificate):
        self.certificate = its_certificate

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def sign(self, data):
        return [SignatureValue(b"value of " + item.digest) for item in data]
