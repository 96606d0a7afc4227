"""
Trusted lists kept up to date (TS 119 615 § 4.1 and § 4.2): a list of lists, the national lists that it points at, and
lists with sources of their own, such as Moldova's.

``ListRefresher`` runs in maintenance and fetches; ``ListReader`` runs in every worker and only reads what is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from gateway.errors import ConfigurationError
from gateway.trust.addresses import FetchFailed
from gateway.trust.anchors import load_certificates
from gateway.trust.fetching import HttpFetcher
from gateway.trust.list_parsing import read_list
from gateway.trust.list_signature import LIST_LIMIT, ListRefused, signed_list
from gateway.trust.list_store import ListStore, Stamp
from gateway.trust.listed import KeptList, ListPointer, ServiceIndex, TrustedList

MAX_AGE = timedelta(days=14)
"""For how long the last good list is used while a refresh fails."""

_LISTS = 100
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ListSource:
    """
    A list whose signers the operator pinned (DER). *points*: a list of lists, whose pointers are followed, once: what
    those lists point at themselves is not.
    """

    url: str
    signers: tuple[bytes, ...]
    points: bool = False


def pinned_sources(given: Sequence[tuple[str, str | None, Path | None, bool]]) -> tuple[ListSource, ...]:
    """
    Sources from settings: name, address, folder of the signers' certificates (as ``load_certificates``
    reads it), and whether it is a list of lists.

    Raises:
        ConfigurationError: Names the setting that is missing, or the file that cannot be used.

    """
    sources = []
    for name, url, folder, points in given:
        if url is None and folder is None:
            continue
        if url is None or folder is None:
            raise ConfigurationError(f"trust.{name}_url and trust.{name}_signers: are given together or not at all")
        sources.append(ListSource(url, load_certificates(folder), points))
    return tuple(sources)


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """How many lists are new, unchanged, and kept as they were because of *failures* (address and reason)."""

    renewed: int
    unchanged: int
    failures: tuple[tuple[str, str], ...]
    services: int


class FolderOfLists:
    """Lists that somebody else brings into a folder, each file named as its address ends: for want of a network."""

    def __init__(self, folder: Path) -> None:
        """Nothing is opened."""
        self._folder = folder

    def get(self, url: str) -> bytes:
        """The list for *url*. Raises ``FetchFailed``."""
        name = urlsplit(url).path.rpartition("/")[2]
        if not name or name.startswith("."):
            raise FetchFailed("address without a file name")
        try:
            with (self._folder / name).open("rb") as stream:
                return stream.read(LIST_LIMIT + 1)
        except (OSError, ValueError) as error:
            raise FetchFailed(f"file not readable ({type(error).__name__})") from None


class ListRefresher:
    """Fetches, checks and keeps lists; a failure leaves the last good one in place. Never part of a request."""

    def __init__(
        self,
        store: ListStore,
        sources: Sequence[ListSource],
        fetcher: HttpFetcher | FolderOfLists,
        *,
        territories: Sequence[str] = (),
        every: timedelta = timedelta(hours=6),
    ) -> None:
        """
        Wire a refresher.

        Args:
            store: where lists are kept.
            sources: the pinned ones.
            fetcher: bounds size and time of each fetch.
            territories: where given, only these of a list of lists are followed (``EE``, ``RO``).
            every: a list confirmed more recently is not fetched again, unless its nextUpdate has passed.

        """
        self._store = store
        self._sources = tuple(sources)
        self._fetcher = fetcher
        self._territories = frozenset(territory.upper() for territory in territories)
        self._every = every

    def __call__(self, now: datetime) -> RefreshReport:
        """Refresh what is due at *now*. Raises ``OSError`` where nothing can be kept."""
        before = self._store.load()
        after: dict[str, KeptList] = {}
        failures: list[tuple[str, str]] = []
        pointers: list[ListPointer] = []
        for source in self._sources:
            kept = self._renewed(source.url, source.signers, before.get(source.url), now, failures)
            if kept is None:
                continue
            after[source.url] = kept
            if source.points:
                pointers += [p for p in kept.trusted_list.pointers if self._wanted(p)]
        for pointer in pointers[: _LISTS - len(after)]:
            if pointer.url not in after:
                kept = self._renewed(pointer.url, pointer.signers, before.get(pointer.url), now, failures)
                if kept is not None:
                    after[pointer.url] = kept
        self._store.save(list(after.values()))
        renewed = sum(kept.trusted_list != _list_of(before.get(url)) for url, kept in after.items())
        services = sum(len(kept.trusted_list.services) for kept in after.values())
        return RefreshReport(renewed, len(after) - renewed, tuple(failures), services)

    def _wanted(self, pointer: ListPointer) -> bool:
        return not self._territories or pointer.territory.upper() in self._territories

    def _renewed(
        self,
        url: str,
        signers: Sequence[bytes],
        known: KeptList | None,
        now: datetime,
        failures: list[tuple[str, str]],
    ) -> KeptList | None:
        """The list as it is now, or as it is kept."""
        if known is not None and timedelta(0) <= now - known.confirmed < self._every:
            return known
        try:
            found = read_list(signed_list(self._fetcher.get(url), signers, now))
            _check_order(found, known, now)
        except (FetchFailed, ListRefused) as failed:
            failures.append((url, str(failed)))
            return known
        # A list that is served past its own nextUpdate does not count as confirmed since.
        confirmed = now if found.next_update is None else min(now, found.next_update)
        return KeptList(url, now, confirmed, found)


def _list_of(kept: KeptList | None) -> TrustedList | None:
    return None if kept is None else kept.trusted_list


def _check_order(found: TrustedList, known: KeptList | None, now: datetime) -> None:
    if found.issued > now + _SKEW:
        raise ListRefused("list issued in the future")
    if known is not None and found.sequence < known.trusted_list.sequence:
        raise ListRefused("list older than the one that is kept")


class ListReader:
    """What is kept, for judging: read again when it changed, and only while it is not too old. Safe for threads."""

    def __init__(
        self,
        store: ListStore,
        sources: Sequence[ListSource],
        *,
        max_age: timedelta = MAX_AGE,
        look_every: timedelta = timedelta(minutes=1),
    ) -> None:
        """*max_age*: as ``MAX_AGE``; *look_every*: how often the kept file is looked at."""
        self._store = store
        self._urls = frozenset(source.url for source in sources)
        self._max_age = max_age
        self._look_every = look_every
        self._lock = threading.Lock()
        self._looked: datetime | None = None
        self._stamp: Stamp | None = None
        self._kept: tuple[KeptList, ...] = ()
        self._index = ServiceIndex(())
        self._used: tuple[str, ...] = ()

    def index(self, now: datetime) -> ServiceIndex:
        """The services of every list that is young enough at *now*; the same object as long as nothing changed."""
        with self._lock:
            if self._looked is None or abs(now - self._looked) >= self._look_every:
                self._look(now)
            return self._index

    def ages(self, now: datetime) -> dict[str, timedelta]:
        """Every kept list's address, and for how long it has not been confirmed: for operators."""
        return {kept.url: now - kept.confirmed for kept in self._store.load().values()}

    def _look(self, now: datetime) -> None:
        self._looked = now
        stamp = self._store.stamp()
        changed = stamp != self._stamp
        if changed:
            self._kept = tuple(self._store.load().values())
            self._stamp = stamp
        young = [kept for kept in self._kept if self._usable(kept, now)]
        used = tuple(kept.url for kept in young)
        if changed or used != self._used:
            self._index = ServiceIndex([service for kept in young for service in kept.trusted_list.services])
            self._used = used

    def _usable(self, kept: KeptList, now: datetime) -> bool:
        """A closed scheme's last list stays in use: it says so itself, and changes no more."""
        return kept.trusted_list.next_update is None or now - kept.confirmed <= self._max_age


ReadLists = Callable[[datetime], ServiceIndex]
"""How the judge asks: ``ListReader.index``."""
