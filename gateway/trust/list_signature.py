"""
The signature of a trusted list (TS 119 612 § 5.7): enveloped, over the whole list, by a certificate known beforehand.

What is read afterwards is what was signed: the canonical octets that the signature's reference came to, never the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

LIST_LIMIT = 32 * 1024 * 1024
"""Bytes of a list, at most."""

TSL = "{http://uri.etsi.org/02231/v2#}"
_SIGNERS = 16


class ListRefused(Exception):
    """A trusted list is not taken over; the text says why, for operators, without content of the list."""


def signed_list(data: bytes, signers: Sequence[bytes], now: datetime) -> etree._Element:
    """
    The list that one of *signers* (DER) signed, as an element of its own tree.

    Args:
        data: the file as it came.
        signers: certificates known beforehand; whatever the file itself brings along counts for nothing.
        now: a signer must be within its dates then.

    Raises:
        ListRefused: Not readable, not signed by any of them, or signed in part only.

    """
    root = _parsed(data)
    if not signers:
        raise ListRefused("no certificate is known that may sign the list")
    reason = "signature does not hold"
    for der in signers[:_SIGNERS]:
        try:
            certificate = x509.load_der_x509_certificate(der)
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                reason = "signed by nobody whose certificate is within its dates"
                continue
            return _verified(root, certificate, now)
        except ListRefused:
            raise
        except Exception as error:  # noqa: BLE001 - hostile XML breaks verifiers in many ways; none is a signature
            reason = f"signature does not hold ({type(error).__name__})"
    raise ListRefused(reason)


def _parsed(data: bytes) -> etree._Element:
    if len(data) > LIST_LIMIT:
        raise ListRefused("list too large")
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError):
        raise ListRefused("list is not readable XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise ListRefused("list with a document type")
    if root.tag != f"{TSL}TrustServiceStatusList":
        raise ListRefused("not a trusted list")
    return root


def _verified(root: etree._Element, certificate: x509.Certificate, now: datetime) -> etree._Element:
    # The signature must be the list's own child, and the one reference to the whole list is what counts.
    expected = SignatureConfiguration(location="./", expect_references=False, verification_time=now)
    results = XMLVerifier().verify(root, x509_cert=certificate, parser=_parser(), expect_config=expected)
    for result in results if isinstance(results, list) else [results]:
        signed = result.signed_xml
        if signed is not None and signed.tag == root.tag and signed.get("Id") == root.get("Id"):
            return etree.fromstring(result.signed_data, _parser())
    raise ListRefused("signature does not cover the list")


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_pis=True)
