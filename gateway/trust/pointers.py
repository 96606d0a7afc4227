"""Where a certificate says that its issuer and status are to be had; whether anybody follows is decided elsewhere."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID


def issuer_addresses(certificate: x509.Certificate) -> list[str]:
    """Addresses of caIssuers in authorityInfoAccess (RFC 5280 § 4.2.2.1)."""
    return _access(certificate, AuthorityInformationAccessOID.CA_ISSUERS)


def responder_addresses(certificate: x509.Certificate) -> list[str]:
    """OCSP addresses in authorityInfoAccess (RFC 6960 § 3.1)."""
    return _access(certificate, AuthorityInformationAccessOID.OCSP)


def list_addresses(certificate: x509.Certificate) -> list[str]:
    """
    Addresses of complete lists (RFC 5280 § 4.2.1.13), http and https only: points for some reasons only, or of another
    issuer, are passed over.
    """
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    return [
        name.value
        for point in points
        if not point.reasons and not point.crl_issuer
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier) and name.value.lower().startswith(("http://", "https://"))
    ]


def _access(certificate: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    named = [d.access_location for d in access if d.access_method == method]
    return [name.value for name in named if isinstance(name, x509.UniformResourceIdentifier)]
