"""
Where the time goes when a person signs 100 hashes: posted, signed and fetched through the real doors.

A sandbox is made and served beside (OCSP, CRLs, TSA over real sockets); the gateway's own rooms run in this process,
each door behind a stopwatch. Shares are of the whole; a door's time is its own, without the doors that it calls.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gateway.app import House
from gateway.domain.contents import ContentType
from gateway.domain.messages import Language
from gateway.domain.verification import VerificationContent, VerificationRequest
from gateway.operations.post_sign_request import PostedContent, PostedExpectedSigner, PostedRequest
from gateway.operations.sign import Finished
from gateway.sandbox.founding import CONSUMER_NAME, Places
from gateway.sandbox.persons import PERSONS
from gateway.sandbox.running import served, set_up
from gateway.settings import load_settings

HASHES = 100
ROUNDS = 3
PORTS = (38443, 38080, 38082)


class Stopwatch:
    """
    Exclusive times by name: what a watched call takes without the watched calls inside it.

    Of the thread that made it alone: what others do meanwhile is part of the call that waits for them.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._thread = threading.get_ident()
        self._open: list[float] = []

    @contextmanager
    def measuring(self, name: str) -> Iterator[None]:
        """Add the block's own time to *name*."""
        if threading.get_ident() != self._thread:
            yield
            return
        stack = self._open
        stack.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            took = time.perf_counter() - began
            self.seconds[name] += took - stack.pop()
            if stack:
                stack[-1] += took

    def watch(self, target: Any, method: str, name: str) -> None:
        """Measure *method* of *target* as *name*."""
        inner: Callable[..., Any] = getattr(target, method)

        def measured(*args: Any, **options: Any) -> Any:
            with self.measuring(name):
                return inner(*args, **options)

        setattr(target, method, measured)


def measure() -> list[dict[str, object]]:
    """Run the job some times, print the medians' table, return its rows."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        places = Places(Path(folder), *PORTS)
        with served(places, set_up(places)):
            return _report(_rounds(places))


def _rounds(places: Places) -> list[dict[str, float]]:
    house = House(load_settings(places.settings_file))
    watch = Stopwatch()
    _watch(watch, house)
    consumer = next(c for c in house.consumers.all() if c.name == CONSUMER_NAME)
    person = PERSONS[0]
    measured = []
    for number in range(ROUNDS + 1):
        watch.seconds.clear()
        digests = [hashlib.sha256(f"{number} {i}".encode()).digest() for i in range(HASHES)]
        with watch.measuring("the rest"):
            _job(watch, house, consumer, person, digests)
        if number:  # the first round warms up
            measured.append(dict(watch.seconds))
    return measured


def _watch(watch: Stopwatch, house: House) -> None:
    engine = house.engines[ContentType.HASH]
    watch.watch(engine, "prepare", "prepare what is to be signed")
    watch.watch(engine, "imprint", "imprints")
    watch.watch(engine, "complete", "complete the signatures")
    watch.watch(engine, "read", "read back, and read to verify")
    watch.watch(house.authority, "tokens", "time-stamps (round trips included)")
    watch.watch(house.judge, "judge", "judge certificates (OCSP included)")
    watch.watch(house.key_store, "open_signer_key", "open the key (Argon2id)")
    for name in ("add", "get", "take_pen", "update_session", "use_consent", "save_progress", "record_outcome"):
        watch.watch(house.requests, name, "database")
    watch.watch(house.tokens, "read", "read time-stamp tokens to verify")


def _job(watch: Stopwatch, house: House, consumer: Any, person: Any, digests: list[bytes]) -> None:
    browser, address = hashlib.sha256(b"bench").digest(), "127.0.0.1"
    expected = PostedExpectedSigner(person.personal_identifier)
    contents = [PostedContent(digest, f"c{i}", name=f"{i}.txt") for i, digest in enumerate(digests)]
    with watch.measuring("PostSignRequest, its rules"):
        posted = PostedRequest(ContentType.HASH, contents, "bench", expected_signer=expected)
        request_id = house.post_sign_request(consumer, posted)
    house.signing.take_pen(request_id, browser)
    house.signing.choose(request_id, browser, "hosted", {"person": person.personal_identifier}, address)
    confirmation = house.signing.confirmation(request_id, browser, address)
    key = house.signing.sign(request_id, browser, confirmation.token, {"pin": person.pin}, address)
    if not isinstance(key, Finished) or key.outcome.message is not None:
        sys.exit(f"not signed: {key}")
    with watch.measuring("GetSignResponse, its rules"):
        response = house.get_sign_response(consumer, request_id)
    with watch.measuring("VerifySignatures, its rules"):
        results = house.verify_signatures(
            VerificationRequest(
                ContentType.HASH,
                tuple(
                    VerificationContent(r.correlation_id, r.signature, digest)
                    for r, digest in zip(response.results, digests, strict=True)
                ),
                Language.EN,
            )
        )
    if not all(result.valid for result in results):
        sys.exit("a signature does not verify")


def _report(rounds: list[dict[str, float]]) -> list[dict[str, object]]:
    names = sorted({name for one in rounds for name in one})
    medians = {name: sorted(one.get(name, 0.0) for one in rounds)[len(rounds) // 2] for name in names}
    whole = sum(medians.values())
    table = Table("step", "ms", "share", title=f"{HASHES} hashes: post, sign, time-stamp, fetch, verify")
    rows: list[dict[str, object]] = []
    for name, seconds in sorted(medians.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{seconds * 1000:.1f}", f"{seconds / whole:.1%}")
        rows.append(
            {"work": name, "measured": round(seconds * 1000, 2), "unit": "ms", "share": round(seconds / whole, 4)}
        )
    table.add_row("together", f"{whole * 1000:.1f}", "100.0%")
    Console().print(table)
    return rows
