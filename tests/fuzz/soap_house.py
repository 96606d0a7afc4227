"""
The front door for fuzzing, and what must hold of every answer.

An answer is right where it is a clean fault that leaves nothing behind, or where the operation was asked exactly what
the message says. What it says is read here a second time and otherwise: from a whole tree, without the reader's rules.
"""

from __future__ import annotations

import base64
import io
import os
import re
from dataclasses import replace
from pathlib import Path
from unittest import mock

import structlog
from lxml import etree

from gateway.audit import configure_logging
from gateway.domain.contents import StoredContent
from gateway.domain.parties import Consumer, ConsumerId
from gateway.soap.batches import BatchCutter
from gateway.soap.limits import SoapLimits
from tests.soap.doors import Door, make_certificate

N = "{https://msign.gov.md}"
S = "{http://schemas.xmlsoap.org/soap/envelope/}"
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
ACTION = "https://msign.gov.md/IMSign/"
LIMITS = SoapLimits(contents=40, document=4000, memory=100, text=4000, depth=12)
"""Small, so that small messages come to them; large contents begin at 100 bytes."""

CANARY = "canary 7351 szarka"
"""A text that no fault may quote; no name of an element or attribute, which faults do tell, can be it."""

_STATUS = {200, 400, 411, 413, 415, 500}
_UNWANTED = (b"Traceback", b"lxml", b"spyne", b".py", b"faultactor", b"<detail", b"xml:lang", b"0x", CANARY.encode())
_MEMBERS = {
    "PostSignRequest": ("SignContent", {"Content": "content", "CorrelationID": "correlation_id", "Name": "name"}),
    "VerifySignatures": ("VerificationContent", {"Signature": "signature", "CorrelationID": "correlation_id"}),
}


class Finding(AssertionError):
    """Something that must not be."""


class _NeverCuts(BatchCutter):
    """Every element is read by itself."""

    def cut(self, _message):
        return None


class FuzzHouse:
    """Doors in both modes, and beside each the one that takes no batches at once."""

    def __init__(self, folder):
        configure_logging()
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(io.TextIOWrapper(io.FileIO(os.devnull, "w"))))
        self._folder = Path(folder)
        self._certificate = make_certificate(0x0A1B2C)
        self.doors = {strict: self._door(strict=strict) for strict in (False, True)}
        with mock.patch("gateway.soap.protocol.BatchCutter", _NeverCuts):
            self.thorough = {strict: self._door(strict=strict) for strict in (False, True)}

    def _door(self, *, strict):
        folder = self._folder / os.urandom(4).hex()
        folder.mkdir()
        consumer = Consumer(ConsumerId("consumer-1"), "e-service", "CN=Test CA", "0A1B2C")
        door = Door(folder, consumer, self._certificate, limits=LIMITS, strict=strict)
        door.operations.posted = WithContents(door.contents)
        door.operations.verified = WithContents(door.contents)
        return door

    def knock(self, body, *, strict=False, twice=False, step=0, **more):
        """
        Send *body*; the answer, if all is well with it.

        *twice* compares with the door that takes no batches; *step* lets the body arrive in pieces of so many bytes.

        Raises:
            Finding: it is not.

        """
        answer, asked = self._answer(self.doors[strict], Pieces(body, step) if step else body, body, more)
        if twice:
            other, also_asked = self._answer(self.thorough[strict], body, body, more)
            if (answer.status, answer.reason, asked) != (other.status, other.reason, also_asked):
                raise Finding(f"batches differ: {answer.status} {answer.reason!r}, {other.status} {other.reason!r}")
        return answer

    def _answer(self, door, sent, body, more):
        operations, contents = door.operations, door.contents
        operations.posted.clear()
        operations.asked.clear()
        operations.verified.clear()
        operations.requests.clear()
        answer = door.call(sent, length=str(len(body)), **more)
        asked = None
        if answer.status != 200:
            _check_fault(answer)
            if contents.names() or operations.posted or operations.verified:
                raise Finding(f"a refused message left something: {answer.reason}")
        else:
            asked = _check_meaning(door, body, more.get("content_type", "text/xml; charset=utf-8"))
            _clear(door)
        return answer, asked


class WithContents(list):
    """What operations were asked, with the bytes of stored contents, which may be gone when the call ends."""

    def __init__(self, store):
        super().__init__()
        self._store = store

    def append(self, request):
        super().append(replace(request, contents=tuple(map(self._read, request.contents))))

    def _read(self, content):
        stored = {
            name: self._bytes(value)
            for name in ("content", "signature")
            if isinstance(value := getattr(content, name, None), StoredContent)
        }
        return replace(content, **stored) if stored else content

    def _bytes(self, stored):
        with self._store.open(stored.content_id) as stream:
            return stream.read()


class Pieces:
    """A body that arrives in small pieces."""

    def __init__(self, body, step):
        self._stream, self._step = io.BytesIO(body), step

    def read(self, size):
        return self._stream.read(min(size, self._step))


def _check_fault(answer):
    if answer.status not in _STATUS:
        raise Finding(f"answered {answer.status}")
    if answer.status in {400, 411, 415}:
        return
    if not answer.code or not re.fullmatch("[A-Za-z]+", answer.code) or answer.code == "Server":
        raise Finding(f"fault code {answer.code!r}: {answer.reason!r}")
    if not answer.reason or len(answer.reason) > 600:
        raise Finding(f"fault text {answer.reason!r}")
    for unwanted in _UNWANTED:
        if unwanted in answer.body:
            raise Finding(f"the fault holds {unwanted!r}: {answer.reason!r}")
    etree.fromstring(answer.body)


def _clear(door):
    for name in door.contents.names():
        door.contents.delete(name)


def _check_meaning(door, body, content_type):
    """Whether the operation was asked what the message says; what it was asked, in comparable form."""
    if body.startswith((b"\xff\xfe", b"<\0")):
        text = body.decode("utf-16-le")
    elif body.startswith((b"\xfe\xff", b"\0<")):
        text = body.decode("utf-16-be")
    else:
        text = body.decode(
            "utf-16-le" if "utf-16" in content_type.lower() and not body.startswith(b"\xef\xbb\xbf") else "utf-8"
        )
    document = re.sub(r"^\ufeff?\s*<\?xml.*?\?>", "", text.removeprefix("\ufeff"), count=1, flags=re.DOTALL)
    parser = etree.XMLParser(resolve_entities=False, huge_tree=True, remove_comments=True)
    (operation,) = etree.fromstring(document.strip(" \t\r\n").encode(), parser).find(f"{S}Body")
    name = operation.tag.removeprefix(N)
    operations = door.operations
    if name == "GetSignResponse":
        (asked,) = operations.asked
        _same("requestID", asked, _text(operation.find(f"{N}requestID")))
        return asked
    (asked,) = operations.posted or operations.verified
    request = operation.find(f"{N}request")
    item, members = _MEMBERS[name]
    said = [found for array in request.findall(f"{N}Contents") for found in array.findall(f"{N}{item}")]
    if len(said) != len(asked.contents):
        raise Finding(f"{len(said)} contents were sent, and {len(asked.contents)} arrived")
    seen = []
    for element, content in zip(said, asked.contents, strict=True):
        for member, attribute in members.items():
            found = getattr(content, attribute)
            expected = _text(element.find(f"{N}{member}"))
            if member in {"Content", "Signature"}:
                expected = (
                    None if expected is None else base64.b64decode(re.sub("[ \t\r\n]", "", expected), validate=True)
                )
            _same(member, found, expected)
            seen.append(found)
    if name == "PostSignRequest":
        for member, found in (
            ("ShortContentDescription", asked.short_description),
            ("ContentDescription", asked.description),
            ("SignatureReason", asked.signature_reason),
            ("ContentType", asked.content_type.value),
        ):
            _same(member, found, _text(request.find(f"{N}{member}")))
            seen.append(found)
    return seen


def _same(member, found, expected):
    if found != expected:
        raise Finding(f"{member}: {expected!r} was sent, and {found!r} arrived")


def _text(element):
    if element is None or element.get(NIL, "").strip() in {"true", "1"}:
        return None
    return "".join(element.itertext())
