"""The door of ``timestamps``: proof of when (RFC 3161)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.domain.contents import DigestAlgorithm
from gateway.errors import AuthorityUnavailable


@dataclass(frozen=True, slots=True)
class TimeStampToken:
    """A token as the authority gave it: *der* is the ContentInfo, *gen_time* the proved time (UTC)."""

    der: bytes
    gen_time: datetime
    authority: str


@dataclass(frozen=True, slots=True)
class TokenReading:
    """
    What a token's bytes say (RFC 3161 § 2.4.2).

    *signature_valid*: message digest, ESS certificate reference and signature hold under *certificate* (DER).
    *imprint_algorithm* is a hashlib name. Whether the certificate is trusted is ``trust``'s question.
    """

    gen_time: datetime
    imprint: bytes
    imprint_algorithm: str
    nonce: int | None
    policy: str
    certificate: bytes | None
    other_certificates: tuple[bytes, ...]
    signature_valid: bool
    digest_algorithms: frozenset[str]
    detail: str = ""


class TimeStampingAuthority(Protocol):
    """Tokens for many imprints at once."""

    def tokens(
        self, imprints: Sequence[bytes], algorithm: DigestAlgorithm, now: datetime
    ) -> Sequence[TimeStampToken | AuthorityUnavailable]:
        """
        Have the authority attest each imprint as of now; requests go out together, answers keep the order.

        Each token is checked to carry our imprint and nonce, a signature that holds under a certificate with critical
        id-kp-timeStamping, and a time near *now*. An imprint without a usable answer gets ``AuthorityUnavailable``
        in its place (never raised), so that one loss does not spoil a batch.
        """


class TokenReader(Protocol):
    """Reads tokens that others put into signatures."""

    def read(self, token: bytes) -> TokenReading:
        """Parse and check a token's own integrity. Raises ``UnreadableSignature``."""
