"""The other side of enrolment: asking an authority for a certificate (PKCS#10, RFC 2986)."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.issuing.assembly import certification_request
from gateway.keys.api import OpenKey


def request_certificate(key: OpenKey, common_name: str = "signer") -> bytes:
    """
    A certification request (DER) for an open key, ready for ``CertificateAuthority.issue``.

    It asks for nothing but a certificate: who the person is, the authority learns from ``Subject``, and what the
    certificate contains is the authority's to say. So *common_name* is for other authorities that insist on one.

    Raises:
        KeyStoreUnavailable: The key cannot sign now.

    """
    return certification_request(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]), key)
