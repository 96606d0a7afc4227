"""
What a certificate makes of a signature by the trusted lists: QESig, AdESig-QC, AdESig (TS 119 615 § 4.4 to § 4.6,
decision 31); for seals the same with their names. None: not determined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import core
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.trust.listed import CA_QC, QUALIFIED_STATUSES, Criteria, ListedService, ServiceIndex, ServicePeriod

_EIDAS = datetime(2016, 6, 30, 22, tzinfo=UTC)  # 1 July 2016 in Brussels
_QC_STATEMENTS = "1.3.6.1.5.5.7.1.3"
_COMPLIANCE, _SSCD, _TYPE = "0.4.0.1862.1.1", "0.4.0.1862.1.4", "0.4.0.1862.1.6"
_TYPES = {"0.4.0.1862.1.6.1": "ForeSignatures", "0.4.0.1862.1.6.2": "ForeSeals"}
_QCP, _QCP_PLUS = "0.4.0.1456.1.2", "0.4.0.1456.1.1"
_NAMES = {
    "ForeSignatures": ("QESig", "AdESig-QC", "AdESig"),
    "ForeSeals": ("QESeal", "AdESeal-QC", "AdESeal"),
}


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says of itself; *kind* as the lists name it, None where it names another."""

    issued: datetime
    compliant: bool
    kind: str | None
    device: bool
    usages: frozenset[str]
    policies: frozenset[str]
    purposes: frozenset[str]
    attributes: frozenset[str]


class _Statement(core.Sequence):  # type: ignore[misc]  # asn1crypto has no types
    _fields = [("id", core.ObjectIdentifier), ("info", core.Any, {"optional": True})]  # noqa: RUF012 - its way


class _Statements(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    _child_spec = _Statement


class _Identifiers(core.SequenceOf):  # type: ignore[misc]  # asn1crypto has no types
    _child_spec = core.ObjectIdentifier


def qualification(path: Sequence[x509.Certificate], index: ServiceIndex, at: datetime) -> str | None:
    """
    What a signature under *path* is, made at *at* (the best signature time).

    The nearest listed authority above the certificate speaks. It must have been granted, and must have issued
    qualified certificates of this kind, both when the certificate was issued and at *at*; whether a qualified device
    held the key is asked as of *at*. Where several entries for one authority disagree, nothing is determined.
    May raise ``ValueError`` on unreadable extensions.
    """
    facts = certificate_facts(path[0].public_bytes(Encoding.DER))
    for authority in path[1:]:
        services = index.of(authority.public_bytes(Encoding.DER))
        lives = [service for service in services if any(p.type == CA_QC for p in service.periods)]
        if lives:
            words = {_by_service(facts, s, at) for s in lives}
            # An entry for another kind of certificate says nothing about this one.
            plain = {names[2] for names in _NAMES.values()}
            said = words - plain or words
            return said.pop() if len(said) == 1 else None
    return None


def _by_service(facts: CertificateFacts, service: ListedService, at: datetime) -> str | None:
    then = _standing(facts, service.at(facts.issued), facts.issued)
    now = _standing(facts, service.at(at), at)
    if then is None or now is None:
        return None
    kind = now[1]
    names = _NAMES.get(kind or "")
    if names is None:
        return None
    if not (then[0] and now[0]) or then[1] != kind:
        return names[2]
    return names[0] if now[2] else names[1]


def _standing(
    facts: CertificateFacts, period: ServicePeriod | None, moment: datetime
) -> tuple[bool, str | None, bool] | None:
    """
    Whether qualified, of what kind, on a qualified device, by one service at one time; None: cannot be told.

    Since eIDAS a service qualifies only the kinds of certificate that it says it is for.
    """
    if period is None or period.type != CA_QC or period.status not in QUALIFIED_STATUSES:
        return False, facts.kind, False
    names: set[str] = set()
    if period.unreadable:
        return None
    for qualifiers in period.qualifiers:
        met = meets(facts, qualifiers.criteria)
        if met is None:
            return None
        names |= qualifiers.names if met else set()
    kinds = {k for n, k in (("QCForESig", "ForeSignatures"), ("QCForESeal", "ForeSeals")) if n in names}
    if "QCForWSA" in names or len(kinds) > 1:
        return None
    kind = kinds.pop() if kinds else facts.kind
    qualified = "NotQualified" not in names and (facts.compliant or "QCStatement" in names)
    if moment >= _EIDAS and kind not in period.kinds:
        qualified = False
    device = _device(facts, names)
    return None if device is None else (qualified, kind, device)


def _device(facts: CertificateFacts, names: set[str]) -> bool | None:
    yes = bool(names & {"QCWithSSCD", "QCWithQSCD", "QCQSCDManagedOnBehalf"})
    no = bool(names & {"QCNoSSCD", "QCNoQSCD"})
    if yes and no:
        return None
    return yes or (facts.device and not no)


def certificate_facts(der: bytes) -> CertificateFacts:
    """
    Read what EN 319 412-5 and, for older certificates, EN 319 411-2 put into *der*.

    A compliant certificate without a type is for signatures (EN 319 412-5 § 4.2.3). Before eIDAS the certificate
    policies QCP and QCP+ say the same as the statements. Raises ``ValueError``.
    """
    parsed = asn1.Certificate.load(der, strict=True)
    issued: datetime = parsed["tbs_certificate"]["validity"]["not_before"].native
    statements = _statements(parsed)
    policies = frozenset(p["policy_identifier"].dotted for p in parsed.certificate_policies_value or ())
    old = issued < _EIDAS
    usage, extended = parsed.key_usage_value, parsed.extended_key_usage_value
    return CertificateFacts(
        issued=issued,
        compliant=_COMPLIANCE in statements or (old and bool(policies & {_QCP, _QCP_PLUS})),
        kind=_kind(statements.get(_TYPE)),
        device=_SSCD in statements or (old and _QCP_PLUS in policies),
        usages=frozenset(usage.native if usage is not None else ()),
        policies=policies,
        purposes=frozenset(purpose.dotted for purpose in extended or ()),
        attributes=frozenset(pair["type"].dotted for rdn in parsed.subject.chosen for pair in rdn),
    )


def _statements(parsed: asn1.Certificate) -> dict[str, core.Any]:
    for extension in parsed["tbs_certificate"]["extensions"]:
        if extension["extn_id"].dotted == _QC_STATEMENTS:
            found = _Statements.load(extension["extn_value"].contents)
            return {statement["id"].dotted: statement["info"] for statement in found}
    return {}


def _kind(types: core.Any | None) -> str | None:
    if types is None or not types.contents:
        return "ForeSignatures"
    named = {_TYPES.get(one.dotted) for one in types.parse(_Identifiers)}
    return named.pop() if len(named) == 1 else None


def meets(facts: CertificateFacts, criteria: Criteria) -> bool | None:
    """Whether a certificate meets *criteria* (TS 119 612 § 5.5.9.2.3); None where they are not understood."""
    if criteria.unreadable:
        return None
    found = [all((_snake(n) in facts.usages) == v for n, v in bits) for bits in criteria.usages]
    found += [facts.policies >= set(wanted) for wanted in criteria.policies]
    found += [facts.purposes >= set(wanted) for wanted in criteria.purposes]
    found += [facts.attributes >= set(wanted) for wanted in criteria.attributes]
    for one in criteria.inner:
        inner = meets(facts, one)
        if inner is None:
            return None
        found.append(inner)
    if criteria.combine == "all":
        return all(found)
    return any(found) if criteria.combine == "atLeastOne" else not any(found)


def _snake(name: str) -> str:
    """The name of a key usage bit as asn1crypto has it."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
