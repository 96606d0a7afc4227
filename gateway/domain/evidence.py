"""What a lasting signature carries to be validated by (ETSI EN 319 132-1 § 5.5, EN 319 142-1 § 5.4 and 5.5)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What shows that certificates were good: issuers' and responders' *certificates*, *ocsp_responses*, *crls* (all DER).

    No two alike. Trust anchors may be among the certificates.
    """

    certificates: tuple[bytes, ...] = ()
    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    def without(self, other: Evidence) -> Evidence:
        """What is not in *other*."""
        return Evidence(
            tuple(one for one in self.certificates if one not in other.certificates),
            tuple(one for one in self.ocsp_responses if one not in other.ocsp_responses),
            tuple(one for one in self.crls if one not in other.crls),
        )

    def with_(self, other: Evidence) -> Evidence:
        """Both together."""
        more = other.without(self)
        return Evidence(
            (*self.certificates, *more.certificates),
            (*self.ocsp_responses, *more.ocsp_responses),
            (*self.crls, *more.crls),
        )


@dataclass(frozen=True, slots=True)
class PreparedArchive:
    """An archive time-stamp that lacks its token: *imprint* is the SHA-256 to be attested, *state* the format's own."""

    imprint: bytes
    state: bytes
