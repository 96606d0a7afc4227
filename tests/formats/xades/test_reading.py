"""Signatures that others wrote are read as they are meant, or said to be undetermined; nobody's word is taken."""

from __future__ import annotations

import hashlib
import io
import re
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import SignatureReference, methods
from signxml.xades import XAdESDataObjectFormat, XAdESSigner

from gateway.asn1.public_keys import public_key_of
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, SignatureKind
from gateway.errors import UnreadableSignature

HASH = hashlib.sha256(b"what was signed").digest()
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"


def state(verdict):
    return verdict.crypto_valid, verdict.structure_valid, verdict.failure


HOLDS = (True, True, None)
UNDETERMINED = (False, None, IntegrityFailure.FORMAT)
OTHER = (False, True, IntegrityFailure.OTHER_CONTENT)
BROKEN = (False, True, IntegrityFailure.VALUE)


def test_a_strangers_signature_is_read(foreign, read, ana):
    """The plain case."""
    verdict = read(foreign(HASH), HASH)
    assert state(verdict) == HOLDS
    assert verdict.kind is SignatureKind.SIGNATURE
    assert (verdict.certificate, verdict.certificate_reference_matches) == (ana.der, True)
    assert verdict.claimed_signing_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert verdict.signature_digests == {DigestAlgorithm.SHA256}
    assert verdict.content_digest is DigestAlgorithm.SHA256


def test_what_signxml_writes_by_default_is_read(read, ana):
    """Inclusive C14N 1.1, a signed KeyInfo, a KeyValue, a content that is canonicalised first."""
    document = etree.fromstring("<order xmlns='urn:o'><item/></order>")
    certificate = x509.load_der_x509_certificate(ana.der).public_bytes(Encoding.PEM).decode()
    signer = XAdESSigner(
        method=methods.detached,
        signature_algorithm="ecdsa-sha256",
        data_object_format=XAdESDataObjectFormat(MimeType="text/xml"),
    )
    signed = signer.sign(document, key=ana.key, cert=certificate, reference_uri=[SignatureReference(URI="order.xml")])
    content = hashlib.sha256(etree.tostring(document, method="c14n")).digest()
    verdict = read(etree.tostring(signed), content)
    assert state(verdict) == HOLDS
    assert (verdict.certificate, verdict.certificate_reference_matches) == (ana.der, True)


@pytest.mark.parametrize("uri", ["content", "some%20file.pdf", "http://example.test/x", "file:///etc/passwd", None])
def test_any_uri_or_none_names_the_content(foreign, read, stranger, uri):
    """The caller's hash stands for it, whatever it is called; it is never fetched."""
    content = stranger.reference(uri, digest=HASH, ref_id="r")
    assert state(read(foreign(HASH, content=content), HASH)) == HOLDS
    assert state(read(foreign(HASH, content=content), hashlib.sha256(b"another").digest())) == OTHER


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_the_hash_must_have_the_references_algorithm(foreign, read, stranger, method):
    """Known by its length, as in the contract."""
    digest = hashlib.new(method, b"what was signed").digest()
    signature = foreign(HASH, content=stranger.reference("content", digest=digest, method=method))
    verdict = read(signature, digest)
    assert (state(verdict), verdict.content_digest) == (HOLDS, DigestAlgorithm(method))
    for other in ("sha1", "sha256", "sha384", "sha512"):
        if other != method:
            assert state(read(signature, hashlib.new(other, b"what was signed").digest())) == OTHER


def test_equal_bytes_of_another_algorithm_are_another_hash(foreign, read, stranger):
    """A SHA3-256 digest is not the SHA-256 that the caller means."""
    content = stranger.reference("content", digest=HASH, method="sha3_256")
    assert state(read(foreign(HASH, content=content), HASH)) == OTHER


def test_a_hash_of_no_length_is_another_content(foreign, read):
    """Not an error of the signature."""
    assert state(read(foreign(HASH), b"short")) == OTHER


def test_without_the_hash_nothing_holds(foreign, read):
    """Undetermined and never valid; what is wrong in itself is still said."""
    good = foreign(HASH)
    assert state(read(good, None)) == UNDETERMINED
    assert read(good, None).certificate is not None
    changed = good.replace(b"2026-01-02", b"2025-01-02")
    assert read(changed, None).failure is IntegrityFailure.DIGEST


def test_several_contents_are_more_than_one_hash_can_vouch_for(foreign, read, stranger):
    """Even where one of them is the caller's."""
    two = stranger.reference("a", digest=HASH) + stranger.reference("b", digest=HASH)
    assert state(read(foreign(HASH, content=two), HASH)) == UNDETERMINED


def test_a_signature_of_nothing_outside_is_of_another_content(foreign, read, stranger):
    """An enveloping signature holds in itself and says nothing about the hash."""
    content = stranger.reference("#o", transforms=(stranger.EXCLUSIVE,))
    verdict = read(foreign(HASH, content=content, objects='<ds:Object Id="o">x</ds:Object>'), HASH)
    assert state(verdict) == (False, None, IntegrityFailure.OTHER_CONTENT)


def test_something_else_in_the_document_may_be_signed_too(foreign, read, stranger):
    """It is compared, and it must stand beside the signature or around it: elsewhere it may have been moved to."""
    more = stranger.reference("#o")
    signature = foreign(HASH, lambda text: f'<w><x Id="o">text</x>{text}</w>', more_references=more)
    assert state(read(signature, HASH)) == HOLDS
    assert state(read(signature.replace(b">text<", b">other<"), HASH)) == (False, True, IntegrityFailure.DIGEST)
    deep = foreign(HASH, lambda text: f'<w><v><x Id="o">text</x></v>{text}</w>', more_references=more)
    assert state(read(deep, HASH)) == (True, None, None)


@pytest.mark.parametrize(
    "transforms",
    [(XPATH,), ("http://www.w3.org/2000/09/xmldsig#base64",), ("http://www.w3.org/TR/1999/REC-xslt-19991116",)],
)
def test_transforms_of_the_content_are_not_guessed(foreign, read, stranger, transforms):
    """The hash of the bytes says nothing about what came out of them."""
    content = stranger.reference("content", digest=HASH, transforms=transforms)
    assert state(read(foreign(HASH, content=content), HASH)) == UNDETERMINED


def test_a_canonicalised_content_holds_or_is_undetermined(foreign, read, stranger):
    """The hash may be of the canonical form already; if it is not, nobody can tell from a hash."""
    content = stranger.reference("content", digest=HASH, transforms=(stranger.EXCLUSIVE,))
    signature = foreign(HASH, content=content)
    assert state(read(signature, HASH)) == HOLDS
    assert state(read(signature, hashlib.sha256(b"with blanks").digest())) == UNDETERMINED


def test_properties_that_are_signed_in_part_are_undetermined(foreign, read, stranger):
    """SignedProperties through whatever may leave something out."""
    for transform in (XPATH, stranger.DS + "enveloped-signature", stranger.DS + "base64"):
        signed = foreign(HASH, lambda text, t=transform: text.replace(_listed(stranger), _listed(stranger, t)))
        assert state(read(signed, HASH)) == UNDETERMINED


def test_canonicalising_twice_is_canonicalising(foreign, read, stranger):
    """The octets of the first are parsed for the second."""
    transforms = (stranger.EXCLUSIVE, stranger.C14N_10)
    signed = foreign(HASH, properties=stranger.properties_reference(transforms=transforms))
    assert state(read(signed, HASH)) == HOLDS


def _listed(stranger, *transforms):
    listed = "".join(f'<ds:Transform Algorithm="{t}"></ds:Transform>' for t in transforms or (stranger.EXCLUSIVE,))
    return f"<ds:Transforms>{listed}</ds:Transforms>"


def test_comments_are_signed_only_where_the_reference_keeps_them(stranger, ana, read):
    """A bare name leaves them out whatever the algorithm says; an XPointer does not (XML Signature § 4.4.3.3)."""
    method = f"{stranger.EXCLUSIVE}WithComments"
    for uri, comments in (("#p", False), ("#xpointer(id('p'))", True)):
        named = stranger.reference(uri, kind=stranger.SIGNED_PROPERTIES, transforms=(method,))
        text = stranger.draft(ana.der, HASH, properties=named, signed="<!-- a comment -->")
        root = etree.fromstring(text)
        octets = etree.tostring(
            root.find(".//{*}SignedProperties"), method="c14n", exclusive=True, with_comments=comments, with_tail=False
        )
        root.findall(".//{*}DigestValue")[1].text = stranger.b64(hashlib.sha256(octets).digest())
        stranger.seal_value(root, stranger.ecdsa(ana.key))
        assert state(read(etree.tostring(root), HASH)) == HOLDS
        changed = etree.tostring(root).replace(b"a comment", b"another")
        assert read(changed, HASH).crypto_valid is not comments


def test_own_objects_and_key_info_are_verified_too(foreign, read, stranger, ana):
    """Plain ones, named by Id, inside this signature."""
    parts = {
        "more_references": stranger.reference("#o") + stranger.reference("#k", transforms=(stranger.C14N_11,)),
        "objects": '<ds:Object Id="o"><note xmlns="urn:n">text</note></ds:Object>',
        "keys": stranger.key_info(ana.der, key_info_id="k"),
    }
    signature = foreign(HASH, **parts)
    assert state(read(signature, HASH)) == HOLDS
    for old, new in ((b">text<", b">texts<"), (b'Id="k"', b'Id="k" x="y"')):
        assert state(read(signature.replace(old, new), HASH)) == (False, True, IntegrityFailure.DIGEST)


def test_a_manifest_with_another_content_beside_the_hash_is_undetermined(foreign, read, stranger):
    """Two contents are more than one hash can vouch for."""
    manifest = (
        f'<ds:Object><ds:Manifest Id="m">{stranger.reference("elsewhere", digest=HASH)}</ds:Manifest></ds:Object>'
    )
    more = stranger.reference("#m", kind="http://www.w3.org/2000/09/xmldsig#Manifest")
    assert state(read(foreign(HASH, more_references=more, objects=manifest), HASH)) == UNDETERMINED


def test_a_changed_signing_time_is_a_digest_that_fails(foreign, read):
    assert state(read(foreign(HASH).replace(b"2026-01-02", b"2020-01-02"), HASH)) == (
        False,
        True,
        IntegrityFailure.DIGEST,
    )


# ---------------------------------------------------------------- values and keys


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_rsa_values_hold(stranger, signers, read, digest):
    """PKCS#1 v1.5, and PSS by the methods without parameters."""
    signer = signers["rsa-2048"]
    uri = "http://www.w3.org/2000/09/xmldsig#rsa-sha1" if digest == "sha1" else f"{MORE}rsa-{digest}"
    for method, sign in (
        (uri, stranger.pkcs1(signer.key, digest)),
        (f"{MORE_2007}{digest}-rsa-MGF1", stranger.pss(signer.key, digest)),
    ):
        signature = stranger.seal(stranger.draft(signer.der, HASH, method=method), sign)
        verdict = read(signature, HASH)
        assert state(verdict) == HOLDS
        assert verdict.signature_digests == {
            DigestAlgorithm.SHA256,
            "sha224" if digest == "sha224" else DigestAlgorithm(digest),
        }


def _pss(digest="", mask="", salt="", trailer=""):
    return (
        f'<p:RSAPSSParams xmlns:p="{MORE_2007}">{digest}'
        f'<p:MaskGenerationFunction Algorithm="{MORE_2007}MGF1">{mask}</p:MaskGenerationFunction>{salt}{trailer}'
        "</p:RSAPSSParams>"
    )


SHA512 = '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/>'


@pytest.mark.parametrize(
    ("parameters", "made"),
    [
        ("", {}),
        (_pss(), {}),
        (_pss(SHA512, SHA512), {"digest": "sha512"}),
        (_pss(SHA512), {"digest": "sha512", "mask": "sha256"}),
        (_pss(salt="<p:SaltLength>20</p:SaltLength>", trailer="<p:TrailerField>1</p:TrailerField>"), {"salt": 20}),
    ],
)
def test_rsa_pss_takes_its_parameters(stranger, signers, read, parameters, made):
    """RFC 9231 § 2.3.10, with its defaults."""
    signer = signers["rsa-2048"]
    text = stranger.draft(signer.der, HASH, method=f"{MORE_2007}rsa-pss", parameters=parameters)
    assert state(read(stranger.seal(text, stranger.pss(signer.key, **made)), HASH)) == HOLDS
    other = {**made, "salt": 11}
    assert state(read(stranger.seal(text, stranger.pss(signer.key, **other)), HASH)) == BROKEN


@pytest.mark.parametrize(
    "parameters",
    [
        _pss(salt="<p:SaltLength>-1</p:SaltLength>"),
        _pss(salt="<p:SaltLength>99999999</p:SaltLength>"),
        _pss(salt="<p:SaltLength>x</p:SaltLength>"),
        _pss(trailer="<p:TrailerField>2</p:TrailerField>"),
        _pss(digest='<ds:DigestMethod Algorithm="urn:none"/>'),
        _pss().replace("#MGF1", "#MGF2"),
        "<ds:HMACOutputLength>1</ds:HMACOutputLength>",
    ],
)
def test_odd_pss_parameters_are_undetermined(stranger, signers, read, parameters):
    signer = signers["rsa-2048"]
    text = stranger.draft(signer.der, HASH, method=f"{MORE_2007}rsa-pss", parameters=parameters)
    assert state(read(stranger.seal(text, stranger.pss(signer.key)), HASH)) == UNDETERMINED


@pytest.mark.parametrize("kind", ["p-256", "p-384", "p-521"])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_ecdsa_values_hold(stranger, signers, read, kind, digest):
    signer = signers[kind]
    text = stranger.draft(signer.der, HASH, method=f"{MORE}ecdsa-{digest}")
    assert state(read(stranger.seal(text, stranger.ecdsa(signer.key, digest)), HASH)) == HOLDS


def test_ecdsa_values_are_two_numbers_of_one_length(stranger, ana, read):
    """DER is another format's; zeros before the numbers change nothing (RFC 9231 § 2.3.6)."""
    text = stranger.draft(ana.der, HASH)
    made = stranger.ecdsa(ana.key)
    for odd in (
        lambda octets: ana.key.sign(octets, ec.ECDSA(hashes.SHA256())),
        lambda octets: re.sub(rb"(?s)(.{32})(.{32})", rb"\1\0\2", made(octets)),
        lambda octets: made(octets)[:-1],
        lambda _octets: b"",
        lambda _octets: bytes(64),
    ):
        assert state(read(stranger.seal(text, odd), HASH)) == BROKEN
    padded = stranger.seal(text, lambda octets: re.sub(rb"(?s)(.{32})(.{32})", rb"\0\1\0\2", made(octets)))
    assert state(read(padded, HASH)) == HOLDS


@pytest.mark.parametrize("kind", ["ed25519", "ed448"])
def test_eddsa_values_hold(stranger, authority, read, kind):
    signer = authority.signer(kind)
    method = f"http://www.w3.org/2021/04/xmldsig-more#eddsa-{kind}"
    text = stranger.draft(signer.der, HASH, method=method)
    assert state(read(stranger.seal(text, stranger.eddsa(signer.key)), HASH)) == HOLDS
    assert state(read(stranger.seal(text, lambda octets: signer.key.sign(octets + b"x")), HASH)) == BROKEN


def test_a_method_that_is_not_the_keys_does_not_hold(stranger, signers, read):
    """RSA by name, elliptic by certificate, and the other way round."""
    rsa_signer, ec_signer = signers["rsa-2048"], signers["p-256"]
    mixed = stranger.draft(ec_signer.der, HASH, method=f"{MORE}rsa-sha256")
    assert state(read(stranger.seal(mixed, stranger.pkcs1(rsa_signer.key)), HASH)) == BROKEN
    mixed = stranger.draft(rsa_signer.der, HASH)
    assert state(read(stranger.seal(mixed, stranger.ecdsa(ec_signer.key)), HASH)) == BROKEN
    mixed = stranger.draft(ec_signer.der, HASH, method="http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519")
    assert state(read(stranger.seal(mixed, stranger.ecdsa(ec_signer.key)), HASH)) == BROKEN


@pytest.mark.parametrize(
    "method",
    [
        f"{MORE}hmac-sha256",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
        "urn:mine",
        "",
    ],
)
def test_methods_that_are_not_ours_to_verify_are_undetermined(stranger, ana, read, method):
    """Above all a message authentication code, whose key everybody has."""
    text = stranger.draft(ana.der, HASH, method=method)
    verdict = read(stranger.seal(text, stranger.ecdsa(ana.key)), HASH)
    assert state(verdict) == UNDETERMINED


def test_parameters_that_a_method_does_not_have_are_undetermined(foreign, read):
    """Nobody knows what they would change."""
    assert state(read(foreign(HASH, parameters="<ds:HMACOutputLength>8</ds:HMACOutputLength>"), HASH)) == UNDETERMINED


def test_another_key_does_not_hold(stranger, ana, authority, read):
    text = stranger.draft(ana.der, HASH)
    assert state(read(stranger.seal(text, stranger.ecdsa(authority.key)), HASH)) == BROKEN


def test_a_negative_modulus_is_read_as_the_number_that_was_meant(stranger, signers, read):
    """Some authorities left out the zero before the modulus; their signers signed well."""
    signer = signers["rsa-2048"]
    modulus = signer.key.public_key().public_numbers().n.to_bytes(256)
    proper = b"\x02\x82\x01\x01\x00" + modulus
    assert signer.der.count(proper) == 1
    # One byte less in each of the five lengths around it.
    der = signer.der.replace(proper, b"\x02\x82\x01\x00" + modulus)
    position = der.index(b"\x02\x82\x01\x00" + modulus)
    for around in (b"\x30\x82\x01\x0a", b"\x03\x82\x01\x0f\x00", b"\x30\x82\x01\x22"):
        at = der.rindex(around, 0, position)
        size = int.from_bytes(der[at + 2 : at + 4]) - 1
        der = der[: at + 2] + size.to_bytes(2) + der[at + 4 :]
    inner = int.from_bytes(der[6:8]) - 1
    der = der[:2] + (int.from_bytes(der[2:4]) - 1).to_bytes(2) + der[4:6] + inner.to_bytes(2) + der[8:]
    with pytest.raises(ValueError):
        x509.load_der_x509_certificate(der).public_key()
    key = public_key_of(der)
    assert isinstance(key, rsa.RSAPublicKey)
    text = stranger.draft(der, HASH, method=f"{MORE}rsa-sha256")
    assert state(read(stranger.seal(text, stranger.pkcs1(signer.key)), HASH)) == HOLDS


@pytest.mark.parametrize("broken", [b"", b"no certificate", b"\x30\x00", b"\x30\x02\x30\x00", b"\x30\x80" * 50])
def test_a_certificate_without_a_usable_key_is_undetermined(stranger, ana, read, broken):
    """It names its signer and nobody can verify it."""
    text = stranger.draft(broken, HASH)
    verdict = read(stranger.seal(text, stranger.ecdsa(ana.key)), HASH)
    assert state(verdict) == UNDETERMINED
    assert verdict.certificate == (broken or None)


# ---------------------------------------------------------------- whose it is


def test_the_certificate_that_is_named_is_chosen_among_several(foreign, read, stranger, ana, authority):
    """Wherever it stands in KeyInfo; the others are handed on."""
    verdict = read(foreign(HASH, keys=stranger.key_info(authority.der, ana.der)), HASH)
    assert state(verdict) == HOLDS
    assert (verdict.certificate, verdict.other_certificates) == (ana.der, (authority.der,))


@pytest.mark.parametrize("version", ["", "V2"])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_both_kinds_of_certificate_reference_are_read(foreign, read, stranger, ana, authority, version, digest):
    """A whole chain may be named, and not in order; the digest counts among the signature's own."""
    names = stranger.cert_digest(authority.der, digest) + stranger.cert_digest(ana.der, digest)
    keys = stranger.key_info(authority.der, ana.der)
    verdict = read(foreign(HASH, names=names, version=version, keys=keys), HASH)
    assert state(verdict) == HOLDS
    assert (verdict.certificate, verdict.certificate_reference_matches) == (ana.der, True)
    assert verdict.signature_digests == {DigestAlgorithm.SHA256, DigestAlgorithm(digest)}


def test_another_certificate_over_the_same_key_is_noticed(foreign, read, stranger, ana, authority):
    """The value holds under it and the signature does not name it: trust's question, and it is told."""
    twin = authority.signer_for(ana.key)
    verdict = read(foreign(HASH, names=stranger.cert_digest(ana.der), keys=stranger.key_info(twin.der)), HASH)
    assert state(verdict) == HOLDS
    assert (verdict.certificate, verdict.certificate_reference_matches) == (twin.der, False)


def test_a_signature_that_names_nobody_is_undetermined(foreign, read, stranger, ana):
    """Unless it signs its KeyInfo, anybody may put another certificate over the same key there."""
    verdict = read(foreign(HASH, names=""), HASH)
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, None)
    assert verdict.certificate_reference_matches is None
    signed = {"more_references": stranger.reference("#k"), "keys": stranger.key_info(ana.der, key_info_id="k")}
    verdict = read(foreign(HASH, names="", **signed), HASH)
    assert (state(verdict), verdict.certificate_reference_matches) == (HOLDS, None)


def test_a_name_by_an_unknown_digest_names_nobody(foreign, read, stranger, ana):
    names = stranger.cert_digest(ana.der).replace(stranger.DIGESTS["sha256"], "urn:unknown")
    verdict = read(foreign(HASH, names=names), HASH)
    assert (verdict.structure_valid, verdict.certificate_reference_matches) == (None, None)


def test_the_certificate_may_stand_among_the_values_added_later(foreign, read, stranger, ana, authority):
    """KeyInfo without certificates."""
    values_added = (
        f"<xades:CertificateValues><xades:EncapsulatedX509Certificate>{stranger.b64(authority.der)}"
        f"</xades:EncapsulatedX509Certificate><xades:EncapsulatedX509Certificate>{stranger.b64(ana.der)}"
        "</xades:EncapsulatedX509Certificate></xades:CertificateValues>"
    )
    verdict = read(foreign(HASH, keys="<ds:KeyInfo/>", unsigned=values_added), HASH)
    assert state(verdict) == HOLDS
    assert (verdict.certificate, verdict.other_certificates) == (ana.der, (authority.der,))
    verdict = read(foreign(HASH, keys=""), HASH)
    assert (state(verdict), verdict.certificate) == (UNDETERMINED, None)


def test_retrieval_is_never_followed(foreign, read, ana, tmp_path):
    """Decision 28: not to a file, not to another element."""
    (tmp_path / "signer.der").write_bytes(ana.der)
    for keys in (
        f'<ds:KeyInfo><ds:RetrievalMethod URI="file://{tmp_path}/signer.der"/></ds:KeyInfo>',
        f'<ds:KeyInfo><k:KeyInfoReference xmlns:k="http://www.w3.org/2009/xmldsig11#" URI="file://{tmp_path}/signer.der"/></ds:KeyInfo>',
        '<ds:KeyInfo><ds:RetrievalMethod URI="#p"/></ds:KeyInfo>',
    ):
        verdict = read(foreign(HASH, keys=keys), HASH)
        assert (state(verdict), verdict.certificate) == (UNDETERMINED, None)


# ---------------------------------------------------------------- what was added later


def test_values_added_later_are_handed_on(foreign, read, stranger, authority):
    """Certificates, OCSP responses and CRLs, those of a time-stamp's validation as well; each once."""

    def encapsulated(kind, *items):
        return "".join(f"<xades:{kind}>{stranger.b64(item)}</xades:{kind}>" for item in items)

    certificates = encapsulated("EncapsulatedX509Certificate", authority.der, b"another", authority.der)
    revocation = (
        f"<xades:CRLValues>{encapsulated('EncapsulatedCRLValue', b'crl')}</xades:CRLValues>"
        f"<xades:OCSPValues>{encapsulated('EncapsulatedOCSPValue', b'ocsp', b'ocsp 2')}</xades:OCSPValues>"
    )
    unsigned = (
        f"<xades:CertificateValues>{certificates}</xades:CertificateValues>"
        f"<xades:RevocationValues>{revocation}</xades:RevocationValues>"
        f'<x:TimeStampValidationData xmlns:x="{stranger.XADES_141}"><xades:RevocationValues><xades:OCSPValues>'
        f"{encapsulated('EncapsulatedOCSPValue', b'for the time-stamp')}</xades:OCSPValues></xades:RevocationValues>"
        "</x:TimeStampValidationData>"
    )
    verdict = read(foreign(HASH, unsigned=unsigned), HASH)
    assert verdict.other_certificates == (authority.der, b"another")
    assert verdict.embedded_ocsp_responses == (b"ocsp", b"ocsp 2", b"for the time-stamp")
    assert verdict.embedded_crls == (b"crl",)


def test_what_is_added_in_great_numbers_is_not_kept(foreign, read, stranger):
    """Bounded in number; a value that is no base64 is left out."""
    many = "".join(
        f"<xades:EncapsulatedX509Certificate>{stranger.b64(b'%d' % n)}</xades:EncapsulatedX509Certificate>"
        for n in range(500)
    )
    answers = "".join(
        f"<xades:EncapsulatedOCSPValue>{stranger.b64(b'%d' % n)}</xades:EncapsulatedOCSPValue>" for n in range(500)
    )
    unsigned = (
        f"<xades:CertificateValues>{many}</xades:CertificateValues><xades:RevocationValues><xades:OCSPValues>"
        f"<xades:EncapsulatedOCSPValue>!</xades:EncapsulatedOCSPValue>{answers}</xades:OCSPValues></xades:RevocationValues>"
    )
    unsigned += stranger.time_stamp(b"token") * 100
    verdict = read(foreign(HASH, unsigned=unsigned), HASH)
    assert state(verdict) == HOLDS
    assert len(verdict.other_certificates) == 64
    assert len(verdict.embedded_ocsp_responses) == 64
    assert len(verdict.time_stamps) == 32


@pytest.mark.parametrize("algorithm", ["exclusive", "none", "1.1"])
def test_a_time_stamp_covers_the_value_by_its_own_algorithm(foreign, read, stranger, algorithm):
    """C14N 1.0 where it names none: then every namespace in scope belongs to it."""
    uri = {"exclusive": stranger.EXCLUSIVE, "none": None, "1.1": stranger.C14N_11}[algorithm]
    signature = foreign(
        HASH, lambda text: f'<w xmlns:far="urn:far">{text}</w>', unsigned=stranger.time_stamp(b"t", uri)
    )
    (stamp,) = read(signature, HASH).time_stamps
    value = etree.fromstring(signature).findtext(".//{*}SignatureValue")
    scope = "" if algorithm == "exclusive" else ' xmlns:far="urn:far"'
    expected = f'<ds:SignatureValue xmlns:ds="{stranger.DS}"{scope} Id="v">{value}</ds:SignatureValue>'
    assert (stamp.token, stamp.covered.decode()) == (b"t", expected)


@pytest.mark.parametrize("algorithm", ["urn:unknown", ""])
def test_a_time_stamp_over_octets_that_cannot_be_told_proves_nothing(foreign, read, stranger, algorithm):
    """It is there; above all, no token over nothing passes for it."""
    (stamp,) = read(foreign(HASH, unsigned=stranger.time_stamp(b"token", algorithm)), HASH).time_stamps
    assert stamp.covered is None


def test_a_time_stamp_that_is_no_base64_is_there_and_unreadable(foreign, read, stranger):
    """Left out, a spoiled time-stamp would look like none at all."""
    spoiled = stranger.time_stamp(b"token").replace(stranger.b64(b"token"), "?")
    (stamp,) = read(foreign(HASH, unsigned=spoiled), HASH).time_stamps
    assert stamp.token == b""
    assert stamp.covered


def test_counter_signatures_are_neither_counted_nor_read(foreign, engine, stranger):
    """They are signatures of their own; nothing in them is taken for this one's."""
    theirs = stranger.time_stamp(b"theirs") + (
        "<xades:CertificateValues><xades:EncapsulatedX509Certificate>AAAA</xades:EncapsulatedX509Certificate>"
        "</xades:CertificateValues>"
    )
    inner = stranger.draft(b"another", HASH, unsigned=theirs).replace('Id="', 'Id="c')
    unsigned = f"<xades:CounterSignature>{inner}</xades:CounterSignature>{stranger.time_stamp(b'ours')}"
    (verdict,) = engine.read(io.BytesIO(foreign(HASH, unsigned=unsigned)), HASH)
    assert state(verdict) == HOLDS
    assert [stamp.token for stamp in verdict.time_stamps] == [b"ours"]
    assert verdict.other_certificates == ()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5+02:00", datetime(2026, 1, 2, 1, 4, 5, 500_000, tzinfo=UTC)),
        (" 2026-01-02T03:04:05 ", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("2026-02-30T03:04:05Z", None),
        ("yesterday", None),
        ("٢٠٢٦-01-02T03:04:05Z", None),
        ("", None),
        ("2026-01-02<!---->T03:04:05Z", None),
    ],
)
def test_the_claimed_time_is_read_or_left_out(foreign, read, written, expected):
    verdict = read(foreign(HASH, time=written), HASH)
    assert (verdict.crypto_valid, verdict.claimed_signing_time) == (True, expected)


# ---------------------------------------------------------------- shapes


@pytest.mark.parametrize("namespace", ["http://uri.etsi.org/01903/v1.2.2#", "http://uri.etsi.org/01903/v1.1.1#"])
def test_older_namespaces_are_read(foreign, read, stranger, namespace):
    """With the Type of their own time or today's."""
    for kind in (f"{namespace}SignedProperties", stranger.SIGNED_PROPERTIES):
        properties = stranger.properties_reference(kind=kind)
        signature = foreign(HASH, xades=namespace, properties=properties, version="")
        assert state(read(signature, HASH)) == HOLDS


def test_a_plain_xml_signature_holds_and_stays_undetermined(stranger, ana, read):
    """Nothing is ambiguous and nothing says who signed."""
    text = stranger.draft(ana.der, HASH, properties="")
    text = text[: text.index("<ds:Object>")] + "</ds:Signature>"
    verdict = read(stranger.seal(text, stranger.ecdsa(ana.key)), HASH)
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.failure) == (True, None, None)


def test_properties_that_stand_elsewhere_too_are_undetermined(foreign, read):
    """QualifyingPropertiesReference would have to be fetched (decision 28)."""
    elsewhere = (
        '<ds:Object><x:QualifyingPropertiesReference xmlns:x="http://uri.etsi.org/01903/v1.3.2#" URI="http://a.test/"/>'
        "</ds:Object>"
    )
    verdict = read(foreign(HASH, objects=elsewhere), HASH)
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.failure) == (True, None, None)


def test_siblings_get_a_verdict_each(stranger, ana, engine):
    """In document order, each by itself."""
    first = stranger.draft(ana.der, HASH)
    second = first.replace('Id="', 'Id="b').replace('URI="#', 'URI="#b').replace('Target="#', 'Target="#b')
    other = second.replace("2026-01-02", "2025-01-02")
    sealed = stranger.seal(f"<all>{first} {other}</all>", stranger.ecdsa(ana.key))
    spoiled = sealed.replace(b"2025-01-02", b"2024-01-02")
    assert [state(v) for v in engine.read(io.BytesIO(sealed), HASH)] == [HOLDS, HOLDS]
    assert [v.crypto_valid for v in engine.read(io.BytesIO(spoiled), HASH)] == [True, False]


def test_comments_and_blanks_between_elements_change_nothing_that_is_not_signed(foreign, read):
    """Between the parts of a signature, and in base64."""
    signature = foreign(HASH).replace(b"<ds:KeyInfo>", b"<!-- a --> <?b c?>\n<ds:KeyInfo>")
    signature = signature.replace(b"</ds:SignatureValue>", b"\r\n\t </ds:SignatureValue>")
    assert state(read(signature, HASH)) == HOLDS


@pytest.mark.parametrize(
    "declaration", [b"<?xml version='1.0' encoding='UTF-8'?>\n", b"\xef\xbb\xbf", b"<?xml version='1.0'?>"]
)
def test_declarations_and_byte_order_marks_are_read(foreign, read, declaration):
    assert state(read(declaration + foreign(HASH), HASH)) == HOLDS


def test_a_stream_may_come_in_small_pieces(engine, foreign):
    """As one from a network file system may."""

    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1000))

    (verdict,) = engine.read(Slow(foreign(HASH)), HASH)
    assert state(verdict) == HOLDS


def test_other_encodings_are_read(foreign, read):
    """UTF-16 is every XML parser's duty."""
    assert state(read(foreign(HASH).decode().encode("utf-16"), HASH)) == HOLDS


@pytest.mark.parametrize(
    "cut",
    [
        ("<ds:SignedInfo>", "</ds:SignedInfo>"),
        ("<ds:SignatureValue", "</ds:SignatureValue>"),
        ("<ds:CanonicalizationMethod", "/>"),
        ("<ds:SignatureMethod", "</ds:SignatureMethod>"),
        ("<ds:DigestValue>", "</ds:DigestValue>"),
    ],
)
def test_what_lacks_a_signatures_parts_is_no_signature(stranger, ana, engine, cut):
    text = stranger.draft(ana.der, HASH)
    start = text.index(cut[0])
    text = text[:start] + text[text.index(cut[1], start) + len(cut[1]) :]
    with pytest.raises(UnreadableSignature):
        engine.read(io.BytesIO(text.encode()), HASH)


@pytest.mark.parametrize("text", [b"", b"hello", b"<a/>", b"<Signature/>", b"%PDF-1.7", b"\0" * 100])
def test_what_is_no_signature_is_unreadable(engine, text):
    with pytest.raises(UnreadableSignature):
        engine.read(io.BytesIO(text), HASH)
