"""
Verifiers that we did not write, asked about signatures that we made: signxml, xmlsec1, pyHanko, pdfsig, OpenSSL.

Each function answers one ``OracleVerdict``, or None where its program is not installed, and never raises for what it
is given. *anchors* and *intermediates* are certificates in PEM, one per item. Nobody here asks about revocation, but
for pdfsig *online*; ``trust`` does, and EU DSS does in the tests. Those that are programs stand in ``programs``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko_certvalidator import ValidationContext
from signxml.algorithms import DigestAlgorithm
from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier

from gateway.demo.programs import (
    openssl_cms_verdict,
    openssl_ts_verdict,
    openssl_xades_ts_verdict,
    pdfsig_verdict,
    private_folder,
    write_pem,
    xmlsec1_verdict,
)
from gateway.demo.signed_parts import CONTENT_URI, NotAsExpected, content_digest_is_sha1, detached_signature
from gateway.demo.verdict import OracleVerdict

__all__ = [
    "OracleVerdict",
    "openssl_cms_verdict",
    "openssl_ts_verdict",
    "openssl_xades_ts_verdict",
    "pdf_verdicts",
    "pdfsig_verdict",
    "pyhanko_verdict",
    "signxml_verdict",
    "xades_verdicts",
    "xmlsec1_verdict",
]


def xades_verdicts(
    xades: bytes, content: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()
) -> list[OracleVerdict]:
    """Everybody here who reads a detached XAdES over *content*, as far as installed."""
    answers = [
        signxml_verdict(xades, content, anchors, intermediates),
        xmlsec1_verdict(xades, content, anchors, intermediates),
        openssl_xades_ts_verdict(xades, anchors, intermediates),
    ]
    return [answer for answer in answers if answer is not None]


def pdf_verdicts(
    pdf: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = (), *, online: bool = False
) -> list[OracleVerdict]:
    """Everybody here who reads a signed PDF, as far as installed; *online* as for ``pdfsig_verdict``."""
    answers = [
        pyhanko_verdict(pdf, anchors, intermediates),
        pdfsig_verdict(pdf, anchors, intermediates, online=online),
        openssl_cms_verdict(pdf, anchors, intermediates),
    ]
    return [answer for answer in answers if answer is not None]


def signxml_verdict(
    xades: bytes, content: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()
) -> OracleVerdict:
    """signxml: XML schema, references, signature value, certificate reference and path; no time-stamps."""
    try:
        signature = detached_signature(xades)
        digests = set(XAdESSignatureConfiguration().digest_algorithms)
        if content_digest_is_sha1(signature):
            digests.add(DigestAlgorithm.SHA1)
        with private_folder() as folder:
            trusted = write_pem(folder / "anchors.pem", _anchored(anchors, intermediates))
            XAdESVerifier().verify(
                xades,
                uri_resolver=lambda uri: content if uri == CONTENT_URI else None,
                ca_pem_file=str(trusted),
                ee_policy=_signer_policy(),
                expect_config=XAdESSignatureConfiguration(
                    expect_references=2, location="./", digest_algorithms=frozenset(digests)
                ),
            )
    except NotAsExpected as problem:
        return OracleVerdict("signxml", accepted=False, detail=str(problem))
    except Exception as problem:  # noqa: BLE001 - signxml lets its libraries' errors through; all mean "not accepted"
        return OracleVerdict("signxml", accepted=False, detail=type(problem).__name__)
    return OracleVerdict("signxml", accepted=True, detail="signature and path hold")


def _signer_policy() -> verification.ExtensionPolicy:
    """Signers' certificates may carry contentCommitment alone (EN 319 412-2 § 4.3.2); signxml's own rule forbids it."""

    def may_sign(_policy: object, _certificate: x509.Certificate, usage: x509.KeyUsage) -> None:
        if not (usage.digital_signature or usage.content_commitment):
            raise ValueError("not for signatures")

    return verification.ExtensionPolicy.permit_all().require_present(
        x509.KeyUsage, verification.Criticality.AGNOSTIC, may_sign
    )


def _anchored(anchors: Sequence[bytes], intermediates: Sequence[bytes]) -> list[bytes]:
    """*anchors*, and those *intermediates* that an anchor issued: for verifiers that take anchors alone."""
    roots = [x509.load_pem_x509_certificate(pem) for pem in anchors]
    trusted = list(anchors)
    for pem in intermediates:
        candidate = x509.load_pem_x509_certificate(pem)
        for root in roots:
            try:
                candidate.verify_directly_issued_by(root)
            except (ValueError, TypeError, InvalidSignature):
                continue
            trusted.append(pem)
            break
    return trusted


def pyhanko_verdict(pdf: bytes, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()) -> OracleVerdict:
    """Ask pyHanko about every signature and time-stamp: integrity, coverage, later changes, path."""
    try:
        roots = [_asn1_certificate(pem) for pem in anchors]
        others = [_asn1_certificate(pem) for pem in intermediates]
        with _quiet("pyhanko", "pyhanko_certvalidator"):
            found = list(PdfFileReader(BytesIO(pdf)).embedded_signatures)
            held = sum(_pyhanko_holds(one, roots, others) for one in found)
    except Exception as problem:  # noqa: BLE001 - pyHanko raises many kinds on odd files; all mean "not accepted"
        return OracleVerdict("pyHanko", accepted=False, detail=type(problem).__name__, looks_at_time_stamps=True)
    return OracleVerdict(
        "pyHanko",
        accepted=bool(found) and held == len(found),
        detail=f"{held} of {len(found)} signatures hold",
        looks_at_time_stamps=True,
    )


def _pyhanko_holds(
    signature: EmbeddedPdfSignature, roots: list[asn1_x509.Certificate], others: list[asn1_x509.Certificate]
) -> bool:
    def context() -> ValidationContext:
        return ValidationContext(trust_roots=roots, other_certs=others, allow_fetching=False)

    if signature.sig_object_type == "/DocTimeStamp":
        attested = validate_pdf_timestamp(signature, validation_context=context())
        return bool(attested.valid and attested.trusted and attested.docmdp_ok)
    status = validate_pdf_signature(signature, signer_validation_context=context(), ts_validation_context=context())
    stamp = status.timestamp_validity
    return bool(status.bottom_line) and (stamp is None or bool(stamp.valid and stamp.trusted))


def _asn1_certificate(pem: bytes) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER))


@contextmanager
def _quiet(*loggers: str) -> Iterator[None]:
    """Keep libraries from logging traces that name the signer; what they found is in the verdict."""
    levels = [(logging.getLogger(name), logging.getLogger(name).level) for name in loggers]
    try:
        for logger, _ in levels:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)
