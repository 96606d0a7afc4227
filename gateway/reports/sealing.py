"""Validation reports sealed by the gateway's own key: an enveloped signature, XAdES baseline B, made by signxml."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.xades.xades import XAdESSigner

from gateway.errors import ConfigurationError

_FILE_LIMIT = 1024 * 1024


class XadesSeal:
    """
    Implements ``ReportSeal`` with a key in a file.

    A report is the gateway's own statement, not a person's signature: its key is apart from all others. Safe for
    threads.
    """

    def __init__(self, certificate: Path, private_key: Path) -> None:
        """
        Read the key when the process is ready for it.

        Args:
            certificate: PEM: the seal's certificate, then its issuers.
            private_key: its RSA or elliptic key (PEM, not encrypted).

        Raises:
            ConfigurationError: A file cannot be read, or they do not belong together.

        """
        try:
            self._chain = x509.load_pem_x509_certificates(_octets(certificate))
            key = load_pem_private_key(_octets(private_key), None)
        except (ValueError, TypeError):
            raise ConfigurationError("reports: the seal's certificate or private key is not PEM") from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ConfigurationError("reports: the seal's key must be RSA or elliptic")
        if key.public_key() != self._chain[0].public_key():
            raise ConfigurationError("reports: the seal's certificate is of another key")
        self._key = key
        rsa_key = isinstance(key, rsa.RSAPrivateKey)
        self._method = SignatureMethod.RSA_SHA256 if rsa_key else SignatureMethod.ECDSA_SHA256

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The seal's certificate and its issuers (DER)."""
        return tuple(certificate.public_bytes(Encoding.DER) for certificate in self._chain)

    def seal(self, report: bytes) -> bytes:
        """*report*, which is our own writing, with the seal as the last child of its root."""
        signer = XAdESSigner(signature_algorithm=self._method, digest_algorithm=DigestAlgorithm.SHA256)
        sealed = signer.sign(etree.fromstring(report), key=self._key, cert=self._chain)
        return etree.tostring(sealed, xml_declaration=True, encoding="UTF-8")


def _octets(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_FILE_LIMIT)
    except OSError as error:
        raise ConfigurationError(f"reports: {file} cannot be read ({error.strerror})") from None
