"""What is wrong with a message that is no XML, in our own words: the parser's quote the message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree

from gateway.soap.faults import MessageRefused

_TYPES = etree.ErrorTypes
_NOT_WELL_FORMED = {
    _TYPES.ERR_DOCUMENT_EMPTY: "it does not begin with an element",
    _TYPES.ERR_DOCUMENT_END: "there is something behind the envelope",
    _TYPES.ERR_GT_REQUIRED: "a tag is cut off",
    _TYPES.ERR_TAG_NAME_MISMATCH: "an element is not closed, or closed by another's name",
    _TYPES.ERR_TAG_NOT_FINISHED: "it ends before its elements do",
    _TYPES.ERR_LT_IN_ATTRIBUTE: "an attribute holds <, which is written &lt;",
    _TYPES.ERR_NAME_REQUIRED: "a < or & is followed by no name; in a text they are written &lt; and &amp;",
    _TYPES.ERR_ENTITYREF_SEMICOL_MISSING: "an & begins no reference; in a text it is written &amp;",
    _TYPES.ERR_UNDECLARED_ENTITY: "it refers to an entity; XML without a DTD has amp, lt, gt, quot and apos only",
    _TYPES.ERR_INVALID_CHAR: "it holds a character that XML does not allow, such as a control character",
    _TYPES.ERR_INVALID_CHARREF: "it holds a character that XML does not allow, such as a control character",
    _TYPES.ERR_INVALID_ENCODING: "its bytes are not valid UTF-8",
    _TYPES.ERR_ATTRIBUTE_REDEFINED: "an element has the same attribute twice",
    _TYPES.NS_ERR_ATTRIBUTE_REDEFINED: "an element has the same attribute twice",
    _TYPES.NS_ERR_UNDEFINED_NAMESPACE: "a prefix is used and not declared",
    _TYPES.NS_ERR_XML_NAMESPACE: "a prefix is declared for no namespace",
}


def not_well_formed(log: Iterable[Any]) -> MessageRefused:
    """The refusal of a message by what the parser noted in *log*."""
    what = next((_NOT_WELL_FORMED[entry.type] for entry in log if entry.type in _NOT_WELL_FORMED), None)
    reason = "The request is not well-formed XML with namespaces"
    return MessageRefused(reason if what is None else f"{reason}: {what}")
