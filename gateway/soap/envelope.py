"""
A SOAP 1.1 envelope read as it arrives (SOAP 1.1 § 4, WS-I Basic Profile 1.1).

An lxml parser target: nothing of the message is ever held as a document. The envelope's own rules are here, among them
headers that must be understood; what the body's element may hold is ``members``' question. A message is refused at the
first thing that is wrong with it, and the rest of it is not looked at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from lxml import etree

from gateway.soap.batches import Batch, BatchCutter
from gateway.soap.contract import ACTION_PREFIX, NAMESPACE
from gateway.soap.deposits import Deposits
from gateway.soap.encodings import as_utf8
from gateway.soap.faults import ENVELOPE_NAMESPACE, MessageRefused, SoapCode
from gateway.soap.limits import SoapLimits
from gateway.soap.malformed import not_well_formed
from gateway.soap.members import XSI_NAMESPACE, BodyReader, ReadMessage
from gateway.soap.shapes import Shape

_ACTION_HEADER = ("http://schemas.microsoft.com/ws/2005/05/addressing/none", "Action")
"""The header that WCF's tracing adds and that every sample of the contract carries: understood, and not needed."""

_ACTOR_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
_MUST_UNDERSTAND = f"{{{ENVELOPE_NAMESPACE}}}mustUnderstand"
_ACTOR = f"{{{ENVELOPE_NAMESPACE}}}actor"
_WHOLE = 512 * 1024
"""Messages up to this size are looked at as a whole before they are parsed: a thousand hashes with their names."""
_PIECES, _PIECES_OF_ELEMENT, _CHARACTERS_OF_PIECE = 10_000.0, 4, 8


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """What a message is read by; the same for all calls. Without *cutter*, every element is looked at by itself."""

    operations: Mapping[str, Shape]
    limits: SoapLimits
    strict: bool
    cutter: BatchCutter | None = None


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
        return parse_into(target, pieces, charset, rules.cutter)
    finally:
        target.let_go()


def parse_into(
    target: Target, pieces: Iterable[bytes], charset: str | None, cutter: BatchCutter | None = None
) -> ReadMessage:
    """
    Drive *target* by a message that arrives in *pieces*; what it read. *cutter* finds what need not be parsed.

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
    try:
        text = as_utf8(pieces, charset)
        beginning, whole = _gathered(text)
        if not any(beginning):
            raise MessageRefused("The request is empty")
        cut = cutter.cut(b"".join(beginning)) if cutter is not None and whole else None
        if cut is None:
            for piece in chain(beginning, text):
                parser.feed(piece)
        else:
            parser.feed(cut.before)
            if not target.take(cut.batch):
                parser.feed(cut.text)
            parser.feed(cut.after)
        message = parser.close()
    except etree.LxmlError:
        raise not_well_formed(parser.feed_error_log) from None
    if any(entry.level >= etree.ErrorLevels.ERROR for entry in parser.feed_error_log):
        # The parser goes on after errors of namespaces: it drops an undeclared prefix, and one of two equal attributes.
        raise not_well_formed(parser.feed_error_log)
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
            raise MessageRefused(f"The message is nested deeper than {self._limits.depth} elements")
        if self._elements_left < 0:
            raise MessageRefused(f"The message has more than {self._limits.elements} elements")
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

    def take(self, batch: Batch) -> bool:
        """
        Accept the items of the array that has just begun, if that is where the parser is and they mean what they say.

        They are then as good as parsed, and count as such.
        """
        if self._body is None or self._part != "Body" or self._depth + 2 > self._limits.depth:
            return False
        if batch.elements > self._elements_left or not self._are(batch.prefixes, NAMESPACE):
            return False
        if not self._are(batch.nil_prefixes, XSI_NAMESPACE) or not self._body.take(batch):
            return False
        self._elements_left -= batch.elements
        return True

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
            raise MessageRefused("The message's text is cut up by too many comments or character references")

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
            raise MessageRefused(
                f"Unknown operation, or of another namespace; the operations of namespace {NAMESPACE} are {known}"
            )
        if self._action is None and self._rules.strict:
            raise MessageRefused(f'The SOAPAction header is missing; it must be "{ACTION_PREFIX}{name}"')
        if self._action is not None and self._action != ACTION_PREFIX + name:
            right = f'it must be "{ACTION_PREFIX}{name}"'
            raise MessageRefused(f"The SOAPAction header names another operation than the message; {right}")
        self._named(name)
        self._body = BodyReader(shape, self._deposits, self._limits, strict=self._rules.strict)

    def _bound(self, attributes: Mapping[str, str], nsmap: Mapping[str, str]) -> None:
        if len(attributes) > self._limits.attributes or len(nsmap) > self._limits.attributes:
            raise MessageRefused(f"An element has more than {self._limits.attributes} attributes or declarations")
        size = sum(len(name) + len(value) for name, value in attributes.items())
        size += sum(len(prefix or "") + len(uri or "") for prefix, uri in nsmap.items())
        if size > self._limits.attribute_chars:
            raise MessageRefused(f"An element's attributes have more than {self._limits.attribute_chars} characters")

    def _are(self, prefixes: Iterable[str], namespace: str) -> bool:
        return all(self._namespace_of(prefix) == namespace for prefix in prefixes)

    def _namespace_of(self, prefix: str) -> str | None:
        for _, declared in reversed(self._scopes):
            # lxml gives the default namespace as an empty prefix here, and as None elsewhere
            for known, uri in declared.items():
                if (known or "") == prefix:
                    return uri
        return None


# lxml asks each time how many parameters this takes, and composing the answer costs as much as a small message.
vars(Target)["start"].__signature__ = inspect.signature(Target.start)


def _gathered(pieces: Iterator[bytes]) -> tuple[list[bytes], bool]:
    """The beginning of a message, and whether that is all of it."""
    beginning, size = [], 0
    for piece in pieces:
        beginning.append(piece)
        size += len(piece)
        if size > _WHOLE:
            return beginning, False
    return beginning, True


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
        raise MessageRefused(
            f"Only SOAP 1.1 is spoken here, whose namespace is {ENVELOPE_NAMESPACE}", SoapCode.VERSION_MISMATCH
        )
    raise MessageRefused(f"The request is not a SOAP 1.1 envelope: Envelope of namespace {ENVELOPE_NAMESPACE}")


def _check_header(namespace: str, name: str, attributes: Mapping[str, str]) -> None:
    """A header that must be understood and is addressed to us, must be one that we know (SOAP 1.1 § 4.2.3)."""
    mandatory = attributes.get(_MUST_UNDERSTAND, "0").strip() not in ("0", "false")
    for_us = attributes.get(_ACTOR, "").strip() in ("", _ACTOR_NEXT)
    if mandatory and for_us and (namespace, name) != _ACTION_HEADER:
        raise MessageRefused(
            f"The header {name[:64]} must be understood, and is not known here; leave it out", SoapCode.MUST_UNDERSTAND
        )
