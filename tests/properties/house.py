"""
The real operations on the real stores, with small honest stand-ins around them, in a house that can be killed.

A kill is power failing: the call under way raises, and until the house is rebuilt from disk nothing else is written,
whatever cleaning up the code may try. A *soft* kill raises once and lets the code clean up: a lost connection, or a
worker that is told to leave.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import event, select, union

from gateway.domain.certificates import KeyAlgorithm, SigningCertificate
from gateway.domain.contents import ContentDigest, ContentType
from gateway.domain.parties import Consumer, ConsumerId
from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind, TimeStampFound, Trust, TrustVerdict
from gateway.errors import AuthorityUnavailable, UnreadableSignature, UnsignableDocument
from gateway.instruments.api import Ask, Choice, Field
from gateway.operations.completion import Completion
from gateway.operations.get_sign_response import GetSignResponse
from gateway.operations.maintenance import Maintenance
from gateway.operations.post_sign_request import PostSignRequest, RequestLimits
from gateway.operations.sign import Signing
from gateway.storage.database import open_database
from gateway.storage.files import FileContentStore
from gateway.storage.sql import SqlRequestStore
from gateway.storage.tables import contents, progress, requests
from gateway.timestamps.api import TimeStampToken

START = datetime(2026, 5, 4, 10, 20, 30, tzinfo=UTC)
LIFETIME, RETENTION = timedelta(hours=1), timedelta(days=30)
CONSUMER = Consumer(ConsumerId("consumer"), "consumer", "CN=issuer", "1")
ADDRESS = "192.0.2.1"
PINS = {"ana": "1111", "ion": "2222"}
UNSIGNABLE, REFUSED = b"%PDF unsignable", b"%PDF refused"


class Killed(BaseException):
    """Power failed."""


# ------------------------------------------------------------------ stand-ins


def certificate_of(person):
    der = b"certificate of " + person.encode()
    return SigningCertificate(
        der=der,
        sha256=hashlib.sha256(der).digest(),
        subject=person,
        common_name=person,
        issuer="issuer",
        serial="1",
        serial_number_attribute=None,
        not_before=START - timedelta(days=1),
        not_after=START + timedelta(days=1000),
        key_algorithm=KeyAlgorithm.P256,
        may_sign=True,
    )


def read_certificate(der, _chain):
    return certificate_of(der.removeprefix(b"certificate of ").decode())


def value_under(certificate, octets):
    return hmac.digest(b"key of " + certificate, octets, hashlib.sha256)


@dataclass(frozen=True)
class Signed:
    """What a finished signature says."""

    content: bytes
    certificate: bytes
    value: bytes
    token: bytes


def verify(signature: bytes) -> Signed:
    """Read a finished signature of the stand-in format. Raises ``UnreadableSignature`` for anything that is not whole."""
    try:
        document, mark, written = signature.rpartition(b"\n%SIGNATURE ")
        parts = {name: base64.b64decode(part) for name, part in json.loads(written).items()}
        says = json.loads(parts["octets"])
        content = bytes.fromhex(says["content"])
        holds = parts["value"] == value_under(parts["certificate"], parts["octets"])
        stamped = parts["token"] == b"token over " + hashlib.sha256(parts["value"]).digest()
    except (ValueError, KeyError) as error:
        raise UnreadableSignature(str(error)) from None
    if not (mark and holds and stamped and says["certificate"] == hashlib.sha256(parts["certificate"]).hexdigest()):
        raise UnreadableSignature("does not hold")
    if document and hashlib.sha256(document).digest() != content:
        raise UnreadableSignature("is over another document")
    return Signed(content, parts["certificate"], parts["value"], parts["token"])


class Engine:
    """A format of our own: the document, then the signature as JSON; like XAdES and PAdES in what it binds."""

    def inspect(self, document, *, multiple_signatures, appearance=None):
        if document.read() == REFUSED:
            raise UnsignableDocument("refused")

    def prepare(self, content, parameters):
        if isinstance(content, ContentDigest):
            digest = content.value
        else:
            document = content.read()
            if document == UNSIGNABLE:
                raise UnsignableDocument("unsignable")
            digest = hashlib.sha256(document).digest()
        says = {
            "content": digest.hex(),
            "certificate": parameters.certificate.sha256.hex(),
            "time": parameters.signing_time.isoformat(),
            "id": parameters.signature_id,
        }
        return PreparedSignature(DataToBeSigned(json.dumps(says).encode()), parameters.certificate.der)

    def imprint(self, prepared, value):
        return hashlib.sha256(value.octets).digest()

    def complete(self, content, prepared, value, token, out):
        parts = {
            "octets": prepared.data.octets,
            "value": value.octets,
            "token": token,
            "certificate": prepared.state,
        }
        if not isinstance(content, ContentDigest):
            out.write(content.read())
        out.write(b"\n%SIGNATURE ")
        out.write(json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode())

    def read(self, signature, content):
        found = verify(signature.read())
        if content is not None and content != found.content:
            raise UnreadableSignature("is over another hash")
        return [
            IntegrityVerdict(
                kind=SignatureKind.SIGNATURE,
                crypto_valid=True,
                structure_valid=True,
                failure=None,
                certificate=found.certificate,
                certificate_reference_matches=True,
                other_certificates=(),
                time_stamps=(TimeStampFound(found.token, found.value),),
                claimed_signing_time=None,
                signature_digests=frozenset(),
                content_digest=None,
            )
        ]


class Device:
    """A person's key, opened; counts what it is made to sign."""

    def __init__(self, world, person):
        self._world = world
        self.certificate = certificate_of(person)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def sign(self, data):
        return self._world.reach("device", lambda: self._sign(data))

    def _sign(self, data):
        self._world.batches_signed += 1
        values = [SignatureValue(value_under(self.certificate.der, item.octets)) for item in data]
        if self._world.device_leaves_last and values:
            values[-1] = None
        return values


class Instrument:
    """Keys behind PINs."""

    name = "hosted"

    def __init__(self, world):
        self._world = world

    def choose(self, answers, memo, visit):
        return Choice(answers["person"], certificate_of(answers["person"]), {"seen": "yes"})

    def ask(self, holder, visit):
        return Ask((Field("pin", secret=True),))

    def open(self, holder, answers, memo, visit):
        return self._world.reach("instrument", lambda: self._open(holder, answers))

    def _open(self, holder, answers):
        if answers["pin"] != PINS[holder]:
            return Ask((Field("pin", secret=True),), problem="wrong-pin")
        return Device(self._world, holder)


class Authorities:
    """Judge and time-stamping authority, which can be told to be silent."""

    def __init__(self, world):
        self._world = world

    def judge(self, certificate, purpose, *, at, now, **_):
        known = self._world.silent != "status"
        return self._world.reach("judge", lambda: TrustVerdict(Trust.GOOD if known else Trust.STATUS_UNKNOWN, at))

    def tokens(self, imprints, algorithm, now):
        return self._world.reach("tokens", lambda: self._tokens(imprints, now))

    def _tokens(self, imprints, now):
        return [
            AuthorityUnavailable("tsa", "silent")
            if self._world.silent == "all" or (self._world.silent == "every second" and index % 2)
            else TimeStampToken(b"token over " + imprint, now, "tsa")
            for index, imprint in enumerate(imprints)
        ]


# ------------------------------------------------------------------ stores that can be cut off


class Requests:
    """The real store, each call by way of the world; what took effect is noted before the caller hears of it."""

    def __init__(self, world, store):
        self._world = world
        self._store = store

    def __getattr__(self, name):
        method = getattr(self._store, name)

        def call(*arguments, **more):
            return self._world.reach(name, lambda: self._noted(name, method, arguments, more))

        return call

    def _noted(self, name, method, arguments, more):
        if name == "record_outcome":
            request_id = self._world.request_of(arguments[0])
        took_effect = method(*arguments, **more)
        if took_effect is True and name == "use_consent":
            self._world.consents.append(arguments[1])
        if took_effect is True and name == "record_outcome":
            self._world.outcomes.append(request_id)
        return took_effect


class Contents:
    """The real content store, each call by way of the world; files bear the world's time."""

    def __init__(self, world, store):
        self._world = world
        self._store = store

    def create(self):
        return self._world.reach("create", lambda: Writer(self._world, self._store.create()))

    def open(self, content_id):
        return self._world.reach("open", lambda: self._store.open(content_id))

    def delete(self, content_id):
        return self._world.reach("delete", lambda: self._store.delete(content_id))

    def older_than(self, moment):
        return self._store.older_than(moment)


class Writer:
    """A content being written; where power fails, what is written so far stays as it is."""

    def __init__(self, world, writer):
        self._world = world
        self._writer = writer
        self._stamp(writer._part)

    def write(self, data):
        return self._world.reach("write", lambda: self._writer.write(data))

    def commit(self):
        return self._world.reach("commit", self._commit)

    def _commit(self):
        stored = self._writer.commit()
        self._stamp(self._writer._path)
        return stored

    def _stamp(self, path):
        seconds = self._world.now.timestamp()
        os.utime(path, (seconds, seconds))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if not self._world.dead:
            self._writer.__exit__(*error)
            return
        self._writer._stream.close()
        if self._writer._part.exists():
            self._stamp(self._writer._part)


# ------------------------------------------------------------------ the world and the house


OUTSIDE = ("instrument", "device", "judge", "tokens")
"""Calls that leave the house, and take their time."""


@dataclass(frozen=True)
class Disturbance:
    """
    What happens at the *nth* call of *place*, counted from 1.

    *kind* is "before" or "after" for a kill around the call, or the name of what somebody else does before it. Time
    runs out (the kind "expired") only in calls that take time.
    """

    place: str
    nth: int
    kind: str
    soft: bool = False

    @property
    def kills(self):
        return self.kind in ("before", "after")

    @property
    def spared(self):
        return self.kind == "expired" and self.place not in OUTSIDE


@dataclass
class World:
    """Everything around the house: time, authorities, the disk, and what was noticed."""

    folder: object
    now: datetime = START
    silent: str = "nobody"
    device_leaves_last: bool = False
    disturbance: Disturbance | None = None
    dead: bool = False
    batches_signed: int = 0
    consents: list = field(default_factory=list)
    outcomes: list = field(default_factory=list)
    made_ids: int = 0
    passed: int = 0
    meanwhile: object = None
    request_of: object = None

    def clock(self):
        return self.now

    def new_id(self):
        self.made_ids += 1
        return hashlib.sha256(b"%d" % self.made_ids).hexdigest()[:32]

    def reach(self, place, call):
        """*call*, unless the disturbance has its turn."""
        if self.dead:
            raise Killed
        due = self.disturbance
        if due is None or due.place != place or due.spared:
            return call()
        self.passed += 1
        if self.passed != due.nth:
            return call()
        self.disturbance = None
        if not due.kills:
            self.meanwhile(due.kind)
            return call()
        if due.kind == "after":
            call()
        self.dead = not due.soft
        raise Killed

    def disturb(self, disturbance, meanwhile):
        """Have *disturbance* (or nothing) happen in what follows; *meanwhile* knows what somebody else does."""
        self.disturbance, self.meanwhile, self.passed = disturbance, meanwhile, 0


class House:
    """Everything that a process builds from the disk."""

    def __init__(self, world):
        self.world = world
        self.engine = open_database(f"sqlite:///{world.folder}/gateway.sqlite")

        @event.listens_for(self.engine, "connect")
        def quick(connection, _):
            # Killing the house does not take the machine's memory away: nothing has to reach a disk.
            connection.execute("PRAGMA synchronous = OFF")

        self.rows = SqlRequestStore(self.engine)
        self.files = FileContentStore(world.folder / "contents", world.new_id)
        self.requests, self.contents = Requests(world, self.rows), Contents(world, self.files)
        world.request_of = self._request_of
        engines = {kind: Engine() for kind in ContentType}
        authorities = Authorities(world)
        self.post = PostSignRequest(
            self.requests, self.contents, engines, RequestLimits(lifetime=LIFETIME), world.clock, world.new_id
        )
        self.signing = Signing(
            self.requests,
            self.contents,
            engines,
            {"hosted": Instrument(world)},
            authorities,
            Completion(self.contents, engines, authorities),
            read_certificate=read_certificate,
            clock=world.clock,
            new_id=world.new_id,
        )
        self.response = GetSignResponse(self.rows, world.clock)
        self.maintain = Maintenance(self.requests, self.contents, RETENTION, world.clock)

    def close(self):
        self.engine.dispose()

    def _request_of(self, session_id):
        with self.engine.connect() as connection:
            return connection.scalar(select(requests.c.id).where(requests.c.pen_session == session_id))

    def is_kept(self, request_id):
        with self.engine.connect() as connection:
            return connection.scalar(select(requests.c.id).where(requests.c.id == request_id)) is not None

    def claimed(self):
        """Id, length and SHA-256 of every content that a row claims."""
        wanted = union(
            select(contents.c.content_id, contents.c.content_length, contents.c.content_sha256),
            select(progress.c.result_id, progress.c.result_length, progress.c.result_sha256),
        )
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(wanted) if row[0] is not None]

    def on_disk(self):
        return {path.name for path in (self.world.folder / "contents").glob("*/*")}
