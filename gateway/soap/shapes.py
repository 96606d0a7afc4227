"""The contract's structures as a reader of XML needs them: which members, of what kind, in which order."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from gateway.soap._spyne import Array, Boolean, ByteArray, EnumBase, Integer32


class Kind(enum.Enum):
    """What an element holds."""

    TEXT = "text"
    BINARY = "binary"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    ENUMERATION = "enumeration"
    STRUCTURE = "structure"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class Shape:
    """
    An element of a message: *position* is its place among its siblings, *members* are by local name.

    *type_name* is the schema type's name, for messages that state it; *values* are an enumeration's.
    """

    name: str
    kind: Kind
    position: int = 0
    required: bool = False
    nillable: bool = True
    type_name: str = ""
    values: tuple[str, ...] = ()
    members: dict[str, Shape] = field(default_factory=dict)
    has_members: bool = field(init=False)
    """Whether it holds elements and no text; asked several times for every element of a message."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "has_members", self.kind in (Kind.STRUCTURE, Kind.ARRAY))


def shape_of(name: str, cls: Any, position: int = 0) -> Shape:
    """Read a Spyne type, members included."""
    kind = _kind(cls)
    members = {}
    if kind in (Kind.STRUCTURE, Kind.ARRAY):
        found = cls.get_flat_type_info(cls).items()
        members = {member: shape_of(member, type_, place) for place, (member, type_) in enumerate(found)}
    return Shape(
        name=name,
        kind=kind,
        position=position,
        required=cls.Attributes.min_occurs > 0,
        nillable=bool(cls.Attributes.nillable),
        type_name=cls.get_type_name(),
        values=tuple(cls.__values__) if kind is Kind.ENUMERATION else (),
        members=members,
    )


def _kind(cls: Any) -> Kind:
    if issubclass(cls, EnumBase):
        return Kind.ENUMERATION
    if issubclass(cls, Array):
        return Kind.ARRAY
    for base, kind in ((ByteArray, Kind.BINARY), (Boolean, Kind.BOOLEAN), (Integer32, Kind.INTEGER)):
        if issubclass(cls, base):
            return kind
    return Kind.STRUCTURE if hasattr(cls, "_type_info") else Kind.TEXT
