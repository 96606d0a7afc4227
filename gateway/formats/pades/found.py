"""What the isolated process says of a document's signatures, before any of it is believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.formats.isolated import Answer

TIME_STAMP = "/ETSI.RFC3161"
"""The SubFilter that makes a document time-stamp, whatever the dictionary's Type."""


@dataclass(frozen=True, slots=True)
class FoundSignature:
    """
    A signature dictionary as the document has it.

    *byte_range* None: not four numbers. *span* is where its object stands in the file, None in an object stream.
    *certificates* are its Cert entry's. *has_store* and *covers_store* say whether there is a document security store,
    now and in its own revision. *modified* is what the difference analysis came to, None where it came to nothing.
    """

    sub_filter: str
    byte_range: tuple[int, int, int, int] | None
    span: tuple[int, int] | None
    date: datetime | None
    contents: bytes
    modified: bool | None
    certificates: tuple[bytes, ...] = ()
    has_filter: bool = True
    has_reason: bool = False
    has_store: bool = False
    has_stored_revocation: bool = False
    covers_store: bool = False

    @property
    def is_time_stamp(self) -> bool:
        """Whether it is a document time-stamp."""
        return self.sub_filter == TIME_STAMP

    @property
    def end(self) -> int:
        """Where its range ends."""
        return self.byte_range[2] + self.byte_range[3] if self.byte_range is not None else 0


@dataclass(frozen=True, slots=True)
class SecurityStore:
    """The document security store (EN 319 142-1 § 5.4): evidence for every signature, each item in DER."""

    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


def found_in(
    answers: Sequence[Answer], octets_at: Callable[[int, int], bytes]
) -> tuple[list[FoundSignature], SecurityStore]:
    """
    The isolated process's answers as what they must be. Raises whatever a malformed one gives.

    *octets_at* reads the document: of what stands in it as it is, an answer gives offset and length.
    """
    first, *comparisons = answers
    described = first.fields["signatures"]
    modified = {int(answer.fields["index"]): answer.fields["modified"] for answer in comparisons}
    blobs = iter(first.blobs)
    contents = [next(blobs) for _ in described]
    certificates = [tuple(next(blobs) for _ in range(int(one["certificates"]))) for one in described]
    kinds = [
        tuple(next(blobs) if place is None else octets_at(*_numbers(place, 2)) for place in kind)
        for kind in first.fields["store"]
    ]
    store = SecurityStore(*kinds)
    found = [
        _found(one, contents[index], certificates[index], modified.get(index), store, first.fields)
        for index, one in enumerate(described)
    ]
    return found, store


def _found(
    one: Mapping[str, Any],
    contents: bytes,
    certificates: tuple[bytes, ...],
    modified: bool | None,
    store: SecurityStore,
    document: Mapping[str, Any],
) -> FoundSignature:
    return FoundSignature(
        sub_filter=str(one["sub_filter"]),
        byte_range=_numbers(one["byte_range"], 4),
        span=_numbers(one["span"], 2),
        date=datetime.fromisoformat(one["date"]) if one["date"] else None,
        contents=contents,
        modified=None if modified is None else bool(modified),
        certificates=certificates,
        has_filter=bool(one["has_filter"]),
        has_reason=bool(one["has_reason"]),
        has_store=bool(document["has_store"]),
        has_stored_revocation=bool(store.ocsp_responses or store.crls),
        covers_store=bool(one["covers_store"]),
    )


def _numbers(given: Sequence[int] | None, count: int) -> Any:
    """So many numbers as a tuple; None for anything else."""
    return tuple(int(number) for number in given) if given is not None and len(given) == count else None
