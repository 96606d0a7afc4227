"""
Trusted lists kept on disk: one JSON file that is replaced whole, written by maintenance and read by every worker.

What lies there was verified before it was written, so the folder must be writable by the gateway alone, as the folder
of anchors is.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.trust.listed import (
    Criteria,
    KeptList,
    ListedService,
    ListPointer,
    Qualifiers,
    ServicePeriod,
    TrustedList,
)

_NAME = "trusted-lists.json"
_FORM = 1
_FILE_LIMIT = 256 * 1024 * 1024

Stamp = tuple[int, int, int]
"""Tells one version of the file from another."""


@dataclass(frozen=True, slots=True)
class ListStore:
    """The kept lists in *folder*. Two that write at once do not spoil each other: the later wins whole."""

    folder: Path

    def stamp(self) -> Stamp | None:
        """The present version; None where there is none."""
        try:
            found = (self.folder / _NAME).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def load(self) -> dict[str, KeptList]:
        """Every kept list by its address; empty where nothing is kept, or nothing that can be read."""
        try:
            with (self.folder / _NAME).open("rb") as stream:
                data = stream.read(_FILE_LIMIT + 1)
            found = json.loads(data) if len(data) <= _FILE_LIMIT else {}
            if found.get("form") != _FORM:
                return {}
            return {kept.url: kept for kept in map(_kept_from, found["lists"])}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}

    def save(self, lists: Sequence[KeptList]) -> None:
        """Replace all that is kept. Raises ``OSError``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f".{_NAME}.{os.getpid()}"
        try:
            with beside.open("w", encoding="ascii") as stream:
                json.dump({"form": _FORM, "lists": [_kept_as(kept) for kept in lists]}, stream)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(self.folder / _NAME)
        finally:
            beside.unlink(missing_ok=True)


def _kept_as(kept: KeptList) -> dict[str, Any]:
    listed = kept.trusted_list
    return {
        "url": kept.url,
        "fetched": kept.fetched.isoformat(),
        "confirmed": kept.confirmed.isoformat(),
        "territory": listed.territory,
        "sequence": listed.sequence,
        "issued": listed.issued.isoformat(),
        "next_update": _text(listed.next_update),
        "services": [
            {"certificates": _encoded(s.certificates), "periods": [_period_as(p) for p in s.periods]}
            for s in listed.services
        ],
        "pointers": [{"url": p.url, "territory": p.territory, "signers": _encoded(p.signers)} for p in listed.pointers],
    }


def _kept_from(data: Mapping[str, Any]) -> KeptList:
    listed = TrustedList(
        territory=data["territory"],
        sequence=data["sequence"],
        issued=datetime.fromisoformat(data["issued"]),
        next_update=_time(data["next_update"]),
        services=tuple(
            ListedService(_decoded(s["certificates"]), tuple(map(_period_from, s["periods"]))) for s in data["services"]
        ),
        pointers=tuple(ListPointer(p["url"], p["territory"], _decoded(p["signers"])) for p in data["pointers"]),
    )
    fetched, confirmed = (datetime.fromisoformat(data[name]) for name in ("fetched", "confirmed"))
    return KeptList(data["url"], fetched, confirmed, listed)


def _period_as(period: ServicePeriod) -> dict[str, Any]:
    return {
        "type": period.type,
        "status": period.status,
        "since": period.since.isoformat(),
        "until": _text(period.until),
        "kinds": sorted(period.kinds),
        "qualifiers": [{"names": sorted(q.names), "criteria": _criteria_as(q.criteria)} for q in period.qualifiers],
        "unreadable": period.unreadable,
    }


def _period_from(data: Mapping[str, Any]) -> ServicePeriod:
    return ServicePeriod(
        type=data["type"],
        status=data["status"],
        since=datetime.fromisoformat(data["since"]),
        until=_time(data["until"]),
        kinds=frozenset(data["kinds"]),
        qualifiers=tuple(Qualifiers(frozenset(q["names"]), _criteria_from(q["criteria"])) for q in data["qualifiers"]),
        unreadable=data["unreadable"],
    )


def _criteria_as(criteria: Criteria) -> dict[str, Any]:
    return {
        "combine": criteria.combine,
        "usages": criteria.usages,
        "policies": criteria.policies,
        "purposes": criteria.purposes,
        "attributes": criteria.attributes,
        "inner": [_criteria_as(one) for one in criteria.inner],
        "unreadable": criteria.unreadable,
    }


def _criteria_from(data: Mapping[str, Any]) -> Criteria:
    return Criteria(
        combine=data["combine"],
        usages=tuple(tuple((name, value) for name, value in bits) for bits in data["usages"]),
        policies=tuple(map(tuple, data["policies"])),
        purposes=tuple(map(tuple, data["purposes"])),
        attributes=tuple(map(tuple, data["attributes"])),
        inner=tuple(map(_criteria_from, data["inner"])),
        unreadable=data["unreadable"],
    )


def _encoded(ders: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(der).decode("ascii") for der in ders]


def _decoded(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(text, validate=True) for text in texts)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
