"""A certificate's subject as people and consumers read it (RFC 5280 § 4.1.2.6, in the form that .NET prints)."""

from __future__ import annotations

import unicodedata

from cryptography import x509
from cryptography.x509.oid import NameOID

SUBJECT_LIMIT = 250
"""Characters of the contract's VerificationCertificate.Subject."""

_LABELS = {
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.POSTAL_CODE: "PostalCode",
    NameOID.TITLE: "T",
    NameOID.STREET_ADDRESS: "STREET",
    x509.ObjectIdentifier("2.5.4.20"): "Phone",
    NameOID.STATE_OR_PROVINCE_NAME: "S",
    NameOID.LOCALITY_NAME: "L",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.EMAIL_ADDRESS: "E",
    NameOID.INITIALS: "I",
    NameOID.GIVEN_NAME: "G",
    NameOID.SURNAME: "SN",
    NameOID.SERIAL_NUMBER: "SERIALNUMBER",
    NameOID.COMMON_NAME: "CN",
}
_ORDER = {oid: position for position, oid in enumerate(_LABELS)}
_OTHERS = _ORDER[NameOID.LOCALITY_NAME] + 0.5
_KEPT_LONGEST = (NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER, NameOID.ORGANIZATION_NAME, NameOID.COUNTRY_NAME)
_QUOTED = frozenset(',+="\n<>#;')


def dotnet_subject(der: bytes) -> str:
    """
    The subject in the order of MSign's printed sample: ``O=…, OU=…, C=…, S=…, L=…, SERIALNUMBER=…, CN=…``.

    At most ``SUBJECT_LIMIT`` characters: where they do not suffice, the least telling attributes are left out first,
    and the name and number of the person stay. Control and formatting characters become U+FFFD, for the text goes
    into XML and onto pages.

    Raises:
        ValueError: The bytes are no certificate.

    """
    subject = x509.load_der_x509_certificate(der).subject
    shown = sorted(subject, key=lambda attribute: _ORDER.get(attribute.oid, _OTHERS))
    while len(_joined(shown)) > SUBJECT_LIMIT and len(shown) > 1:
        shown.remove(max(shown, key=_dispensability))
    text = _joined(shown)
    return text if len(text) <= SUBJECT_LIMIT else text[: SUBJECT_LIMIT - 1] + "…"


def _dispensability(attribute: x509.NameAttribute[str | bytes]) -> tuple[int, int]:
    """The higher, the sooner it is left out: unknown kinds before known, long before short."""
    if attribute.oid in _KEPT_LONGEST:
        return (_KEPT_LONGEST.index(attribute.oid), 0)
    return (len(_KEPT_LONGEST) + (attribute.oid not in _LABELS), len(attribute.value))


def _joined(attributes: list[x509.NameAttribute[str | bytes]]) -> str:
    return ", ".join(f"{_label(attribute.oid)}={_value(attribute.value)}" for attribute in attributes)


def _label(oid: x509.ObjectIdentifier) -> str:
    return _LABELS.get(oid, f"OID.{oid.dotted_string}")


def _value(value: str | bytes) -> str:
    text = value.hex().upper() if isinstance(value, bytes) else value
    text = "".join("\ufffd" if unicodedata.category(c).startswith("C") else c for c in text)
    if any(c in _QUOTED for c in text) or text != text.strip():
        escaped = text.replace('"', '""')
        return f'"{escaped}"'
    return text
