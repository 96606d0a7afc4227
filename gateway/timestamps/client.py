"""A time-stamping authority over HTTP (RFC 3161 § 3.4): many tokens at once, each checked before it is believed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from gateway.domain.contents import DigestAlgorithm
from gateway.errors import AuthorityUnavailable, ConfigurationError, UnreadableSignature
from gateway.timestamps import wire
from gateway.timestamps.api import TimeStampToken, TokenReader, TokenReading
from gateway.timestamps.batches import Batch, NoAnswer
from gateway.timestamps.checks import Asked, fitness, misses
from gateway.timestamps.connections import Connections, parse_address

AcceptCertificate = Callable[[bytes, Sequence[bytes]], str | None]
"""The authority's certificate and the others in its token (DER) into why it is not accepted, or None."""

_CERTIFICATES_KEPT = 16
_PROBE = hashlib.sha256(b"msign-gateway asks whether this authority answers").digest()


class _Attested(NamedTuple):
    token: TimeStampToken
    reading: TokenReading


class HttpTimeStamping:
    """
    One authority. Safe for threads and after a fork: connections and threads are made at first use in each process.

    At most *in_flight* requests are under way in a process, and batches take turns. A batch whose authority falls
    silent is not asked to its end: it takes about two timeouts, whatever its size.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        timeout: timedelta,
        in_flight: int = 32,
        clock_skew: timedelta = timedelta(minutes=5),
        nonce: Callable[[], int],
        reader: TokenReader,
        accept_certificate: AcceptCertificate | None = None,
        policies: frozenset[str] = frozenset(),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        Opens nothing.

        Args:
            name: what errors and logs call it.
            url: http or https; a user and password in it go into HTTP Basic and into no text.
            timeout: for one request, from connecting to the last byte of the answer.
            in_flight: requests under way at once.
            clock_skew: how far a token's time may lie from ours.
            nonce: fresh non-negative random numbers of at least 64 bits.
            reader: reads the tokens that come.
            accept_certificate: asked once a batch about each certificate found; None accepts all.
            policies: dotted identifiers that a token may name as its policy; empty accepts any.
            clock: the time (UTC), for ``check`` alone.

        Raises:
            ConfigurationError: An address or number that cannot be used.

        """
        if timeout <= timedelta(0):
            raise ConfigurationError("timestamps.timeout_s: must be more than zero")
        if in_flight < 1:
            raise ConfigurationError("timestamps.in_flight: must be at least one")
        self._name = name
        self._address = parse_address(url)
        self._timeout = timeout.total_seconds()
        self._in_flight = in_flight
        self._clock_skew = clock_skew
        self._nonce = nonce
        self._reader = reader
        self._accept_certificate = accept_certificate
        self._policies = policies
        self._clock = clock
        self._fitness = lru_cache(maxsize=_CERTIFICATES_KEPT)(fitness)
        self._by_process: dict[int, Connections] = {}

    def tokens(
        self, imprints: Sequence[bytes], algorithm: DigestAlgorithm, now: datetime
    ) -> Sequence[TimeStampToken | AuthorityUnavailable]:
        """
        As ``TimeStampingAuthority``: a token or ``AuthorityUnavailable`` for each imprint, in order.

        A token's time may be later than *now* by as long as the batch takes, besides the clocks' skew.
        """
        if not imprints:
            return []
        nonces = [self._nonce() for _ in imprints]
        beginning = wire.query_beginning(algorithm)
        connections = self._connections()
        began = time.monotonic()

        def ask(index: int) -> _Attested:
            answer = connections.post(wire.query(beginning, imprints[index], nonces[index]))
            taken = timedelta(seconds=time.monotonic() - began)
            earliest, latest = now - self._clock_skew, now + taken + self._clock_skew
            return self._attested(answer, Asked(imprints[index], algorithm.value, nonces[index], earliest, latest))

        batch = Batch(len(imprints), ask, at_once=self._in_flight, timeout=self._timeout)
        return self._accepted(batch.run(connections.executor))

    def check(self) -> str:
        """
        Ask for one token and say in a line what answered.

        Raises ``AuthorityUnavailable``.
        """
        began = time.monotonic()
        (answer,) = self.tokens([_PROBE], DigestAlgorithm.SHA256, self._clock())
        if isinstance(answer, AuthorityUnavailable):
            raise answer
        taken = (time.monotonic() - began) * 1000
        size = len(answer.der)
        return f"{self._name} at {self._address}: a token of {size} bytes for {answer.gen_time:%F %T} in {taken:.0f} ms"

    def _connections(self) -> Connections:
        """Those of this process. Threads that come first together agree on one, without a lock that a fork copies."""
        pid = os.getpid()
        found = self._by_process.get(pid)
        if found is None:
            made = Connections(self._address, timeout=self._timeout, at_once=self._in_flight)
            found = self._by_process.setdefault(pid, made)
        return found

    def _attested(self, answer: bytes, asked: Asked) -> _Attested:
        """The token in *answer*, once it is found to be what was *asked*. Raises ``NoAnswer``."""
        try:
            der = wire.token_of(answer)
            reading = self._reader.read(der)
        except wire.NotGranted as refusal:
            raise NoAnswer(f"refuses: {refusal}") from None
        except UnreadableSignature as error:
            raise NoAnswer(f"answer holds no token: {error.reason}") from None
        except ValueError:
            raise NoAnswer("answer is not readable") from None
        fault = misses(reading, asked)
        if fault is None and self._policies and reading.policy not in self._policies:
            fault = "token is under another policy"
        if fault is None and reading.certificate is None:
            fault = "token without its certificate"
        if fault is None and reading.certificate is not None:
            fault = self._fitness(reading.certificate).misses_at(reading.gen_time)
        if fault is not None:
            raise NoAnswer(fault)
        return _Attested(TimeStampToken(der, reading.gen_time, self._name), reading)

    def _accepted(self, answers: list[_Attested | NoAnswer]) -> list[TimeStampToken | AuthorityUnavailable]:
        """The tokens whose certificate is accepted, and why there is none for the others."""
        asked: dict[tuple[bytes | None, tuple[bytes, ...]], str | None] = {}
        found: list[TimeStampToken | AuthorityUnavailable] = []
        for answer in answers:
            if isinstance(answer, NoAnswer):
                found.append(AuthorityUnavailable(self._name, answer.reason))
                continue
            key = (answer.reading.certificate, answer.reading.other_certificates)
            if key not in asked:
                asked[key] = self._refused(answer.reading)
            reason = asked[key]
            found.append(answer.token if reason is None else AuthorityUnavailable(self._name, reason))
        return found

    def _refused(self, reading: TokenReading) -> str | None:
        if self._accept_certificate is None or reading.certificate is None:
            return None
        return self._accept_certificate(reading.certificate, reading.other_certificates)
