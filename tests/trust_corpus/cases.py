"""The cases of the trust corpus: each founds what it needs and returns one signed file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

PASSED, FAILED, OPEN = "TOTAL-PASSED", "TOTAL-FAILED", "INDETERMINATE"
SHORT_TERM = x509.UnrecognizedExtension(x509.ObjectIdentifier("0.4.0.194121.2.1"), b"\x05\x00")
NO_REV_AVAIL = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00")


class Scene:
    """One case's authorities, and the two ways of signing."""

    def __init__(self, worlds: ModuleType, world, name: str, form: str) -> None:
        self.w, self.world, self.name, self.form = worlds, world, name, form
        self.now, self.day, self.hour = worlds.NOW, worlds.DAY, worlds.HOUR
        self.ca = self.authority("CA")
        self.tsa_ca = self.authority("TSA CA")
        self.tsa = world.stamper(self.named("TSA"), self.tsa_ca)

    def named(self, what: str) -> str:
        return f"{what} {self.name} {self.form}"

    def authority(self, what: str, parent=None, **more):
        return self.world.found(self.named(what), parent or self.world.root, **more)

    def signer(self, parent=None, **more):
        return self.world.issue(self.named("Signer"), parent or self.ca, **more)

    def sign(self, signer, moment, **more) -> bytes:
        return getattr(self.w, self.form)(signer, moment, **more)

    def values(self, data, **more) -> bytes:
        return getattr(self.w, f"with_values_{self.form}")(data, **more)

    def long_term(self, signer, moment, *, tsa=None, stamped=None, at=None, responder=None) -> bytes:
        """Level LT: time-stamped, and status of everybody as of *at* (an hour later) inside."""
        tsa = tsa or self.tsa
        at = at or moment + self.hour
        return self.values(
            self.sign(signer, moment, tsa=tsa, stamped=stamped),
            certificates=[h.der for h in (*signer.above, *tsa.above)],
            crls=[self.world.root.crl(at, at + 30 * self.day)],
            responses=[
                signer.parent.ocsp(signer, at, responder=responder),
                tsa.parent.ocsp(tsa, at),
            ],
        )


@dataclass(frozen=True)
class Case:
    """
    *ours*: what we say under the policy etsi; *compat* where msign-compat says otherwise. *theirs* where EU DSS says
    otherwise, and *why* we do not.
    """

    make: Callable[[Scene], bytes]
    ours: tuple[str, str | None]
    theirs: tuple[str, str | None] | None = None
    why: str = ""
    compat: tuple[str, str | None] | None = None
    pdf_only: bool = False


CASES: dict[str, Case] = {}


def case(ours, theirs=None, why="", **more):
    def add(make):
        CASES[make.__name__] = Case(make, ours, theirs, why, **more)
        return make

    return add


GOOD = (PASSED, None)
NOT_REVOKED = (OPEN, "OUT_OF_BOUNDS_NOT_REVOKED")
BEGINNING = (
    "EN 319 102-1 § 5.2.6.4: the certificate's dates settle it, whatever is said about its status; DSS stops earlier, at "
    "status from before the certificate's beginning"
)
ISSUER = "the same fact: the issuer has expired, and DSS names the status that it signed since"
NO_STATUS = "EN 319 102-1 § 5.2.6.4 names both; without any status, trying later is the advice that helps (decision 30)"
STALE = "EN 319 102-1 § 5.2.5: status from before the best signature time is not fresh; DSS's policy ignores freshness"
STAMP = (
    "EN 319 102-1 § 5.5.4 leaves failing time-stamps to the constraints: ours demand that one of them holds, "
    "for otherwise a signature passes whose time-stamp was forged; DSS judges such a signature at the present"
)
USAGE = "RFC 5280 § 4.2.1.3 and EN 319 412-2 § 4.3.2: such a key is not for signing documents; DSS's policy only warns"
LATER = "EN 319 102-1 § 5.3.4: an earlier time-stamp that the signature covers proves that it was made after; DSS looks at later ones alone"


@case(GOOD)
def good(s):
    return s.sign(s.signer(), s.now - s.hour, tsa=s.tsa)


@case(GOOD)
def good_without_time_stamp(s):
    return s.sign(s.signer(), s.now - s.hour)


@case(GOOD)
def good_long_term(s):
    return s.long_term(s.signer(), s.now - 10 * s.day)


@case((OPEN, "REVOKED_NO_POE"))
def revoked_before_the_time_stamp(s):
    signer = s.signer()
    s.ca.end(signer, s.now - 2 * s.day)
    return s.sign(signer, s.now - s.day, tsa=s.tsa)


@case(GOOD)
def revoked_after_the_time_stamp(s):
    signer = s.signer()
    s.ca.end(signer, s.now - s.day)
    return s.sign(signer, s.now - 2 * s.day, tsa=s.tsa)


@case((OPEN, "REVOKED_NO_POE"))
def revoked_without_time_stamp(s):
    signer = s.signer()
    s.ca.end(signer, s.now - s.day)
    return s.sign(signer, s.now - 2 * s.day)


@case((FAILED, "REVOKED"), (OPEN, "REVOKED_NO_POE"), LATER, pdf_only=True)
def revoked_before_an_earlier_time_stamp(s):
    """A document time-stamp, then the signature over it: it was made after the revocation."""
    signer = s.signer()
    s.ca.end(signer, s.now - 3 * s.day)
    from io import BytesIO

    stamped = s.w.with_document_time_stamp(s.w.blank_pdf(), s.tsa, s.now - 2 * s.day)
    return s.w.sign(s.w.engine("pades"), BytesIO(stamped), signer, s.now - s.day, tsa=s.tsa)


@case(NOT_REVOKED)
def expired_without_time_stamp(s):
    return s.sign(s.signer(end=s.now - 5 * s.day), s.now - 10 * s.day)


@case(GOOD)
def expired_after_the_time_stamp(s):
    """Status by services that remember the expired."""
    return s.sign(s.signer(end=s.now - 5 * s.day), s.now - 10 * s.day, tsa=s.tsa)


@case(NOT_REVOKED)
def expired_before_the_time_stamp(s):
    return s.sign(s.signer(end=s.now - 5 * s.day), s.now - 10 * s.day, tsa=s.tsa, stamped=s.now - s.day)


@case((FAILED, "NOT_YET_VALID"))
def not_yet_valid_short_term(s):
    signer = s.signer(start=s.now + 5 * s.day, extras=(SHORT_TERM,), pointers=False)
    return s.sign(signer, s.now - s.hour, tsa=s.tsa)


@case((FAILED, "NOT_YET_VALID"), (OPEN, "CERTIFICATE_CHAIN_GENERAL_FAILURE"), BEGINNING)
def not_yet_valid(s):
    return s.sign(s.signer(start=s.now + 5 * s.day), s.now - s.hour, tsa=s.tsa)


@case((OPEN, "NO_CERTIFICATE_CHAIN_FOUND"))
def unknown_issuer(s):
    stranger = s.authority("Unknown CA", s.world.unknown_root)
    return s.sign(s.signer(stranger), s.now - s.hour, tsa=s.tsa)


@case((OPEN, "NO_CERTIFICATE_CHAIN_FOUND"))
def missing_intermediate(s):
    return s.sign(s.signer(), s.now - s.hour, tsa=s.tsa, chain=False)


@case((OPEN, "TRY_LATER"), (OPEN, "CERTIFICATE_CHAIN_GENERAL_FAILURE"), NO_STATUS)
def unreachable_status(s):
    s.ca.silent = True
    return s.sign(s.signer(), s.now - s.hour, tsa=s.tsa)


@case((OPEN, "TRY_LATER"), GOOD, STALE)
def stale_status(s):
    """What came along ended before the signature was made, and nobody answers."""
    s.ca.silent = True
    signer = s.signer()
    at = s.now - 20 * s.day
    return s.values(
        s.sign(signer, s.now - 10 * s.day, tsa=s.tsa),
        certificates=[s.ca.der, s.tsa_ca.der],
        responses=[s.ca.ocsp(signer, at)],
        crls=[s.ca.crl(at)],
    )


@case(GOOD)
def long_term_after_expiry(s):
    s.ca.silent = True
    return s.long_term(s.signer(end=s.now - 5 * s.day), s.now - 10 * s.day)


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), NOT_REVOKED, STAMP, compat=GOOD)
def long_term_after_the_stampers_expiry(s):
    tsa = s.world.stamper(s.named("Old TSA"), s.tsa_ca, end=s.now - 4 * s.day)
    return s.long_term(s.signer(end=s.now - 5 * s.day), s.now - 10 * s.day, tsa=tsa)


@case(GOOD, pdf_only=True)
def archived_after_everybodys_expiry(s):
    tsa = s.world.stamper(s.named("Old TSA"), s.tsa_ca, end=s.now - 4 * s.day)
    data = s.long_term(s.signer(end=s.now - 5 * s.day), s.now - 10 * s.day, tsa=tsa)
    return s.w.with_document_time_stamp(data, s.tsa, s.now - 6 * s.day)


@case(GOOD)
def long_term_by_a_responder_expired_since(s):
    responder = s.world.responder(s.named("Responder"), s.ca, end=s.now - 5 * s.day)
    return s.long_term(s.signer(), s.now - 10 * s.day, responder=responder)


@case((OPEN, "TRY_LATER"))
def suspended(s):
    signer = s.signer()
    s.ca.end(signer, s.now - 2 * s.day, s.w.HOLD)
    return s.sign(signer, s.now - s.day, tsa=s.tsa)


@case(GOOD)
def suspended_after_the_time_stamp(s):
    signer = s.signer()
    s.ca.end(signer, s.now - s.day, s.w.HOLD)
    return s.sign(signer, s.now - 2 * s.day, tsa=s.tsa)


@case(GOOD)
def short_term_by_valassured(s):
    signer = s.signer(start=s.now - 2 * s.hour, end=s.now + s.hour, extras=(SHORT_TERM,), pointers=False)
    return s.sign(signer, s.now - s.hour, tsa=s.tsa)


@case(GOOD)
def short_term_expired_since(s):
    start = s.now - 5 * s.day
    signer = s.signer(start=start, end=start + s.hour, extras=(SHORT_TERM, NO_REV_AVAIL), pointers=False)
    return s.sign(signer, start + s.hour / 2, tsa=s.tsa)


@case(GOOD)
def no_status_available_by_rfc_9608(s):
    signer = s.signer(start=s.now - 2 * s.hour, end=s.now + s.hour, extras=(NO_REV_AVAIL,), pointers=False)
    return s.sign(signer, s.now - s.hour, tsa=s.tsa)


@case(NOT_REVOKED)
def short_term_without_time_stamp(s):
    start = s.now - 5 * s.day
    signer = s.signer(start=start, end=start + s.hour, extras=(SHORT_TERM,), pointers=False)
    return s.sign(signer, start + s.hour / 2)


@case((OPEN, "CHAIN_CONSTRAINTS_FAILURE"), GOOD, USAGE)
def wrong_key_usage(s):
    return s.sign(s.signer(usage=("key_encipherment",)), s.now - s.hour, tsa=s.tsa)


@case((OPEN, "CHAIN_CONSTRAINTS_FAILURE"), GOOD, USAGE)
def signed_by_an_authority(s):
    signer = s.world.found(s.named("Signer"), s.ca)
    return s.sign(signer, s.now - s.hour, tsa=s.tsa)


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), GOOD, STAMP)
def stamp_of_something_else(s):
    return s.sign(s.signer(), s.now - s.hour, tsa=s.tsa, wrong_imprint=True)


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), GOOD, STAMP)
def stamp_by_an_expired_authority(s):
    tsa = s.world.stamper(s.named("Old TSA"), s.tsa_ca, end=s.now - 5 * s.day)
    return s.sign(s.signer(), s.now - s.hour, tsa=tsa)


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), GOOD, STAMP)
def stamp_by_an_untrusted_authority(s):
    stranger = s.authority("Unknown TSA CA", s.world.unknown_root)
    return s.sign(s.signer(), s.now - s.hour, tsa=s.world.stamper(s.named("Unknown TSA"), stranger))


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), GOOD, STAMP)
def stamp_for_another_purpose(s):
    tsa = s.world.stamper(s.named("Not a TSA"), s.tsa_ca, purposes=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
    return s.sign(s.signer(), s.now - s.hour, tsa=tsa)


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), GOOD, STAMP)
def stamp_by_a_stolen_key(s):
    s.tsa_ca.end(s.tsa, s.now - s.day, s.w.KEY_COMPROMISE)
    return s.sign(s.signer(), s.now - 2 * s.day, tsa=s.tsa)


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), NOT_REVOKED, STAMP)
def broken_stamp_and_expired_signer(s):
    return s.sign(s.signer(end=s.now - 5 * s.day), s.now - 10 * s.day, tsa=s.tsa, wrong_imprint=True)


@case((OPEN, "REVOKED_CA_NO_POE"))
def revoked_authority(s):
    s.world.root.end(s.ca, s.now - 5 * s.day, s.w.KEY_COMPROMISE)
    return s.sign(s.signer(), s.now - s.hour, tsa=s.tsa)


@case(GOOD)
def authority_revoked_after_the_time_stamp(s):
    s.world.root.end(s.ca, s.now - s.day)
    return s.long_term(s.signer(), s.now - 10 * s.day)


# ------------------------------------------------------------------ where status comes from


@case(GOOD)
def status_by_list_alone(s):
    s.ca.speaks = ("crl",)
    return s.sign(s.signer(), s.now - s.hour, tsa=s.tsa)


@case((OPEN, "REVOKED_NO_POE"))
def revoked_by_list_alone(s):
    s.ca.speaks = ("crl",)
    signer = s.signer()
    s.ca.end(signer, s.now - s.day)
    return s.sign(signer, s.now - s.hour, tsa=s.tsa)


@case((OPEN, "REVOKED_NO_POE"))
def revoked_says_what_came_along(s):
    s.ca.silent = True
    signer = s.signer()
    s.ca.end(signer, s.now - 11 * s.day)
    return s.long_term(signer, s.now - 10 * s.day)


@case((OPEN, "TRY_LATER"), (OPEN, "CERTIFICATE_CHAIN_GENERAL_FAILURE"), NO_STATUS)
def status_by_a_stranger(s):
    """A good answer in the authority's name, signed by somebody whom it never certified."""
    s.ca.silent = True
    stranger = s.world.responder(s.named("Stranger"), s.authority("Unknown CA", s.world.unknown_root))
    return s.long_term(s.signer(), s.now - 10 * s.day, responder=stranger)


@case(GOOD)
def status_by_a_delegated_responder(s):
    s.ca.silent = True
    return s.long_term(s.signer(), s.now - 10 * s.day, responder=s.world.responder(s.named("Responder"), s.ca))


@case((OPEN, "SIG_CONSTRAINTS_FAILURE"), GOOD, STAMP, compat=GOOD)
def stamper_ceased_since(s):
    s.tsa_ca.end(s.tsa, s.now - s.day, s.w.CESSATION)
    return s.sign(s.signer(), s.now - 2 * s.day, tsa=s.tsa)


@case((OPEN, "TRY_LATER"), GOOD, STAMP)
def stamper_without_status(s):
    s.tsa_ca.silent = True
    return s.sign(s.signer(), s.now - s.hour, tsa=s.tsa)


# ------------------------------------------------------------------ chains


@case((OPEN, "CERTIFICATE_CHAIN_GENERAL_FAILURE"), (OPEN, "REVOCATION_OUT_OF_BOUNDS_NO_POE"), ISSUER)
def authority_out_of_its_dates(s):
    old = s.authority("Old CA", end=s.now - 5 * s.day)
    return s.sign(s.signer(old), s.now - s.hour, tsa=s.tsa)


@case((OPEN, "CERTIFICATE_CHAIN_GENERAL_FAILURE"))
def issuer_that_is_no_authority(s):
    person = s.world.issue(s.named("Person"), s.ca, usage=("content_commitment", "key_cert_sign"))
    return s.sign(s.signer(person), s.now - s.hour, tsa=s.tsa)


@case(GOOD)
def longer_chain(s):
    second = s.authority("Second CA", s.ca)
    return s.sign(s.signer(second), s.now - s.hour, tsa=s.tsa)
