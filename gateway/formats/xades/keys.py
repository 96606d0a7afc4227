"""A public key that stands in KeyInfo itself (XML Signature § 4.5.2), for signatures that carry no certificate."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from lxml import etree

from gateway.formats.xades.names import ds
from gateway.formats.xades.structure import Parts
from gateway.formats.xades.texts import NotText, base64_of

_DSIG_11 = "{http://www.w3.org/2009/xmldsig11#}"
_LARGEST_NUMBER = 2048
_CURVES: dict[str, ec.EllipticCurve] = {
    "urn:oid:1.2.840.10045.3.1.7": ec.SECP256R1(),
    "urn:oid:1.3.132.0.34": ec.SECP384R1(),
    "urn:oid:1.3.132.0.35": ec.SECP521R1(),
}


def key_value(parts: Parts) -> PublicKeyTypes | None:
    """The key of ds:KeyValue, RSA or elliptic; None without one that can be read. It says nothing of whose it is."""
    place = None if parts.key_info is None else parts.key_info.find(ds("KeyValue"))
    if place is None:
        return None
    try:
        rsa_value, ec_value = place.find(ds("RSAKeyValue")), place.find(f"{_DSIG_11}ECKeyValue")
        if rsa_value is not None:
            return rsa.RSAPublicNumbers(_number(rsa_value, "Exponent"), _number(rsa_value, "Modulus")).public_key()
        return None if ec_value is None else _elliptic(ec_value)
    except (NotText, ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _number(place: etree._Element, name: str) -> int:
    found = place.find(ds(name))
    if found is None:
        raise NotText
    return int.from_bytes(base64_of(found, _LARGEST_NUMBER))


def _elliptic(place: etree._Element) -> PublicKeyTypes | None:
    named, point = place.find(f"{_DSIG_11}NamedCurve"), place.find(f"{_DSIG_11}PublicKey")
    curve = None if named is None else _CURVES.get(named.get("URI", ""))
    if curve is None or point is None:
        return None
    return ec.EllipticCurvePublicKey.from_encoded_point(curve, base64_of(point, _LARGEST_NUMBER))
