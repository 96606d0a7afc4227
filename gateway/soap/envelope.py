"""
A SOAP 1.1 envelope read as it arrives (SOAP 1.1 § 4, WS-I Basic Profile 1.1).

An lxml parser target: nothing of the message is ever held as a document. The envelope's own rules are here, among them
headers that must be understood; what the body's element may hold is ``members``' question. A message is refused at the
first thing that is wrong with it, and the rest of it is not looked at.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

from gateway.soap.contract import ACTION_PREFIX, NAMESPACE
from gateway.soap.deposits import Deposits
from gateway.soap.faults import ENVELOPE_NAMESPACE, MessageRefused, SoapCode
from gateway.soap.limits import SoapLimits
from gateway.soap.members import BodyReader, ReadMessage
from gateway.soap.shapes import Shape

_ACTION_HEADER = ("http://schemas.microsoft.com/ws/2005/05/addressing/none", "Action")
"""The header that WCF's tracing adds and that every sample of the contract carries: understood, and not needed."""

_ACTOR_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
_MUST_UNDERSTAND = f"{{{ENVELOPE_NAMESPACE}}}mustUnderstand"
_ACTOR = f"{{{ENVELOPE_NAMESPACE}}}actor"
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_SNIFFED = 256
_PIECES, _PIECES_OF_ELEMENT, _CHARACTERS_OF_PIECE = 10_000.0, 4, 8
_UTF8 = {"utf-8", "utf8"}
_UTF16 = {"utf-16", "utf16", "utf-16le", "utf-16be"}


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What a message is read by; the same for all calls."""

    operations: Mapping[str, Shape]
    limits: SoapLimits
    strict: bool


def read_envelope(
    pieces: Iterable[bytes],
    rules: ReadingRules,
    deposits: Deposits,
    *,
    charset: str | None = None,
    action: str | None = None,
    named: Callable[[str], None] = lambda _operation: None,
) -> ReadMessage:
    """
    Read a whole message.

    Args:
        pieces: the HTTP body.
        rules: the contract, the limits and how strict to be.
        deposits: where large members go; the caller's to release, whatever happens here.
        charset: of the Content-Type header, where it states one.
        action: the SOAPAction header without its quotes; None or empty where it says nothing.
        named: told the operation as soon as it is known.

    Raises:
        MessageRefused: it is no message of SOAP 1.1 in UTF-8 or UTF-16, or exceeds a limit of form.
        InvalidRequest: it is one, and a member of the contract cannot be accepted.

    """
    target = Target(action or None, rules, deposits, named)
    try:
        return parse_into(target, pieces, charset)
    finally:
        target.let_go()


def parse_into(target: Target, pieces: Iterable[bytes], charset: str | None) -> ReadMessage:
    """
    Drive *target* by a message that arrives in *pieces*; what it read.

    Raises:
        MessageRefused: the message is not well-formed, empty or without a Body; or whatever *target* refuses.

    """
    driven: Any = target  # lxml's own type of targets asks for another signature
    parser = etree.XMLParser(
        target=driven,
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        recover=False,
    )
    empty = True
    try:
        for piece in _as_utf8(pieces, charset):
            empty = False
            parser.feed(piece)
        if empty:
            raise MessageRefused("The request is empty")
        message = parser.close()
    except etree.LxmlError:
        raise _not_well_formed() from None
    if any(entry.level >= etree.ErrorLevels.ERROR for entry in parser.feed_error_log):
        # The parser goes on after errors of namespaces: it drops an undeclared prefix, and one of two equal attributes.
        raise _not_well_formed()
    if not isinstance(message, ReadMessage):
        raise MessageRefused("The SOAP Body is missing or empty")
    return message


class Target:
    """What lxml calls while it parses."""

    def __init__(
        self, action: str | None, rules: ReadingRules, deposits: Deposits, named: Callable[[str], None]
    ) -> None:
        self._named = named
        self._action = action
        self._rules = rules
        self._limits = rules.limits
        self._deposits = deposits
        self._depth = 0
        self._elements_left = rules.limits.elements
        self._pieces_left = _PIECES
        self._scopes: list[tuple[int, Mapping[str, str]]] = []
        self._part: str | None = None
        self._body: BodyReader | None = None

    def doctype(self, *_declaration: object) -> None:
        """No DTD: entities, defaults and external subsets all begin with one (SOAP 1.1 § 3)."""
        raise MessageRefused("A SOAP message must not contain a document type declaration")

    def pi(self, *_instruction: object) -> None:
        """No processing instructions (SOAP 1.1 § 3)."""
        raise MessageRefused("A SOAP message must not contain processing instructions")

    def comment(self, _text: str) -> None:
        """Comments say nothing."""
        self._count_piece(0)

    def start(self, tag: str, attributes: Mapping[str, str], nsmap: Mapping[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        self._elements_left -= 1
        self._pieces_left += _PIECES_OF_ELEMENT
        if self._depth > self._limits.depth:
            raise MessageRefused("The message is nested too deeply")
        if self._elements_left < 0:
            raise MessageRefused("The message has too many elements")
        if attributes or nsmap:
            self._bound(attributes, nsmap)
        if nsmap:
            self._scopes.append((self._depth, nsmap))
        namespace, name = _split(tag)
        if self._depth > 3:
            if self._part == "Body":
                assert self._body is not None
                self._body.start(namespace, name, attributes, self._namespace_of)
        elif self._depth == 1:
            _check_root(namespace, name)
        elif self._depth == 2:
            self._begin_part(namespace, name)
        elif self._part == "Header":
            _check_header(namespace, name, attributes)
        else:
            self._begin_operation(namespace, name)

    def data(self, text: str) -> None:
        """Text; outside the operation's element it says nothing."""
        self._count_piece(len(text))
        if self._depth >= 3 and self._part == "Body":
            assert self._body is not None
            self._body.data(text)

    def end(self, _tag: str) -> None:
        """An element ends."""
        if self._depth >= 3 and self._part == "Body":
            assert self._body is not None
            self._body.end()
        if self._scopes and self._scopes[-1][0] == self._depth:
            self._scopes.pop()
        self._depth -= 1

    def close(self) -> ReadMessage | None:
        """What was read. lxml asks after an error too, where what is raised here would hide it."""
        return self._body.message() if self._body is not None and self._depth == 0 else None

    def _count_piece(self, size: int) -> None:
        """
        Bound the pieces that text comes in by how much text there is.

        Text made of character references or cut up by comments comes letter by letter, and costs a hundred times what
        the same amount costs otherwise. A reference in every line of base64, as some clients write, is well within.
        """
        self._pieces_left += size / _CHARACTERS_OF_PIECE - 1
        if self._pieces_left < 0:
            raise MessageRefused("The message's text comes in too many pieces")

    def let_go(self) -> None:
        """Parser and target refer to each other; what was read shall not wait for the garbage collector."""
        del self._body, self._named, self._deposits

    def _begin_part(self, namespace: str, name: str) -> None:
        """Header, then Body, each once and nothing else."""
        expected = ("Header", "Body") if self._part is None else ("Body",) if self._part == "Header" else ()
        if namespace != ENVELOPE_NAMESPACE or name not in expected:
            raise MessageRefused("A SOAP envelope holds an optional Header and then a Body, and nothing else")
        self._part = name

    def _begin_operation(self, namespace: str, name: str) -> None:
        if self._body is not None:
            raise MessageRefused("The SOAP Body must hold exactly one element")
        shape = self._rules.operations.get(name)
        if shape is None or namespace != NAMESPACE:
            known = ", ".join(self._rules.operations)
            raise MessageRefused(f"Unknown operation; the operations of namespace {NAMESPACE} are {known}")
        if self._action is None and self._rules.strict:
            raise MessageRefused("The SOAPAction header is missing")
        if self._action is not None and self._action != ACTION_PREFIX + name:
            raise MessageRefused("The SOAPAction header names another operation than the message")
        self._named(name)
        self._body = BodyReader(shape, self._deposits, self._limits, strict=self._rules.strict)

    def _bound(self, attributes: Mapping[str, str], nsmap: Mapping[str, str]) -> None:
        if len(attributes) > self._limits.attributes or len(nsmap) > self._limits.attributes:
            raise MessageRefused("An element has too many attributes")
        size = sum(len(name) + len(value) for name, value in attributes.items())
        size += sum(len(prefix or "") + len(uri or "") for prefix, uri in nsmap.items())
        if size > self._limits.attribute_chars:
            raise MessageRefused("An element's attributes are too long")

    def _namespace_of(self, prefix: str) -> str | None:
        for _, declared in reversed(self._scopes):
            # lxml gives the default namespace as an empty prefix here, and as None elsewhere
            for known, uri in declared.items():
                if (known or "") == prefix:
                    return uri
        return None


def _not_well_formed() -> MessageRefused:
    return MessageRefused("The request is not well-formed XML with namespaces")


def _split(tag: str) -> tuple[str, str]:
    """The namespace (empty without one) and the local name of lxml's ``{namespace}name``."""
    if tag[0] != "{":
        return "", tag
    namespace, _, name = tag[1:].partition("}")
    return namespace, name


def _check_root(namespace: str, name: str) -> None:
    if (namespace, name) == (ENVELOPE_NAMESPACE, "Envelope"):
        return
    if name == "Envelope":
        raise MessageRefused("Only SOAP 1.1 is spoken here", SoapCode.VERSION_MISMATCH)
    raise MessageRefused("The request is not a SOAP 1.1 envelope")


def _check_header(namespace: str, name: str, attributes: Mapping[str, str]) -> None:
    """A header that must be understood and is addressed to us, must be one that we know (SOAP 1.1 § 4.2.3)."""
    mandatory = attributes.get(_MUST_UNDERSTAND, "0").strip() not in ("0", "false")
    for_us = attributes.get(_ACTOR, "").strip() in ("", _ACTOR_NEXT)
    if mandatory and for_us and (namespace, name) != _ACTION_HEADER:
        raise MessageRefused(f"The header {name[:64]} is not understood here", SoapCode.MUST_UNDERSTAND)


def _as_utf8(pieces: Iterable[bytes], charset: str | None) -> Iterator[bytes]:
    """
    The same text in UTF-8, whatever the XML declaration says.

    A byte order mark decides, then the header, then the declaration (RFC 7303 § 3). The parser is told the encoding,
    so that a declaration inside the text cannot make it read the text otherwise than we did.
    """
    rest = iter(pieces)
    beginning = b""
    for piece in rest:
        beginning += piece
        if len(beginning) >= _SNIFFED:
            break
    encoding = _encoding(beginning, charset)
    if not beginning:
        return
    if encoding == "utf-8":
        yield beginning.removeprefix(codecs.BOM_UTF8)
        yield from rest
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(beginning).removeprefix("\ufeff").encode()
        for piece in rest:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise MessageRefused("The request is not valid UTF-16") from None


def _encoding(beginning: bytes, charset: str | None) -> str:
    """The codec of the text: UTF-8 or one of the two UTF-16 (Basic Profile 1.1, R1012)."""
    if beginning.startswith((codecs.BOM_UTF16_LE, b"<\0")):
        return "utf-16-le"
    if beginning.startswith((codecs.BOM_UTF16_BE, b"\0<")):
        return "utf-16-be"
    declared = _DECLARED.match(beginning.removeprefix(codecs.BOM_UTF8))
    stated = charset if charset is not None else (declared.group(1).decode() if declared else "utf-8")
    if stated.lower() in _UTF8:
        return "utf-8"
    if stated.lower() in _UTF16:
        return "utf-16-be" if stated.lower().endswith("be") else "utf-16-le"
    raise MessageRefused("The request must be in UTF-8 or UTF-16")
