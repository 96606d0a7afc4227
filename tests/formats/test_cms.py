"""CMS by templates: what an ASN.1 library and OpenSSL make of it, octet by octet."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gateway.asn1 import der
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import SignatureValue
from gateway.formats import cms

CONTENT = b"what is signed"
KEYS = {
    KeyAlgorithm.RSA_2048: lambda: rsa.generate_private_key(65537, 2048),
    KeyAlgorithm.P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    KeyAlgorithm.P384: lambda: ec.generate_private_key(ec.SECP384R1()),
    KeyAlgorithm.P521: lambda: ec.generate_private_key(ec.SECP521R1()),
}
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def certificate(key, common_name="Ana") -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(2**150 + 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )


def value(key, kind: KeyAlgorithm, octets: bytes) -> SignatureValue:
    algorithm = HASHES[cms.digest_for(kind).value]
    if kind.is_rsa:
        return SignatureValue(key.sign(octets, padding.PKCS1v15(), algorithm))
    size = (key.curve.key_size + 7) // 8
    parts = decode_dss_signature(key.sign(octets, ec.ECDSA(algorithm)))
    return SignatureValue(b"".join(part.to_bytes(size, "big") for part in parts))


class Made:
    """A finished signature over the content, and its pieces."""

    def __init__(self, kind: KeyAlgorithm, *, chain=(), token=None) -> None:
        key = KEYS[kind]()
        self.cert = certificate(key)
        self.der = self.cert.public_bytes(Encoding.DER)
        digest = hashlib.new(cms.digest_for(kind).value, CONTENT).digest()
        self.attributes = cms.signed_attributes(digest, self.der)
        self.signature = cms.signature_octets(value(key, kind, self.attributes), kind)
        self.cms = cms.signed_data(self.attributes, self.signature, self.der, chain, kind, token)


@pytest.mark.parametrize(
    ("kind", "digest"),
    [
        (KeyAlgorithm.RSA_2048, DigestAlgorithm.SHA256),
        (KeyAlgorithm.RSA_4096, DigestAlgorithm.SHA256),
        (KeyAlgorithm.P256, DigestAlgorithm.SHA256),
        (KeyAlgorithm.P384, DigestAlgorithm.SHA384),
        (KeyAlgorithm.P521, DigestAlgorithm.SHA512),
    ],
)
def test_each_kind_of_key_has_its_digest(kind, digest):
    """As strong as the curve."""
    assert cms.digest_for(kind) is digest


@pytest.mark.parametrize("kind", KEYS)
def test_a_library_encodes_the_same(kind):
    """asn1crypto, asked to encode everything anew, arrives at the same octets: it is DER."""
    made = Made(kind, chain=[certificate(KEYS[kind](), "Issuer").public_bytes(Encoding.DER)])
    loaded = asn1_cms.ContentInfo.load(made.cms, strict=True)
    assert loaded.dump(force=True) == made.cms
    signer = loaded["content"]["signer_infos"][0]
    assert signer["signed_attrs"].untag().dump(force=True) == made.attributes
    assert signer["signature"].native == made.signature
    assert loaded["content"]["encap_content_info"]["content"].native is None
    assert len(loaded["content"]["certificates"]) == 2


def test_the_signed_attributes_are_the_three_and_in_order():
    """contentType, messageDigest, signingCertificateV2 with the default algorithm left out; no signing time."""
    made = Made(KeyAlgorithm.P256)
    elements = [element.encoded for element in der.whole(made.attributes, der.SET).children()]
    assert elements == sorted(elements)
    found = {a["type"].native: a["values"] for a in asn1_cms.CMSAttributes.load(made.attributes)}
    assert set(found) == {"content_type", "message_digest", "signing_certificate_v2"}
    assert found["message_digest"][0].native == hashlib.sha256(CONTENT).digest()
    (identifier,) = found["signing_certificate_v2"][0]["certs"]
    assert identifier["cert_hash"].native == hashlib.sha256(made.der).digest()
    assert b"\x60\x86\x48\x01\x65\x03\x04\x02\x01" not in identifier.dump()
    assert cms.message_digest(made.attributes) == hashlib.sha256(CONTENT).digest()


def test_the_signer_is_named_as_the_certificate_has_it():
    """Issuer and serial number octet by octet, whatever their encoding."""
    made = Made(KeyAlgorithm.P256)
    named = cms.issuer_and_serial(made.der)
    assert named == der.sequence(made.cert.issuer.public_bytes(), der.integer(made.cert.serial_number))
    for other in (b"", b"\x30\x00", b"\x30\x02\x30\x00", made.der[:-1]):
        with pytest.raises(ValueError):
            cms.issuer_and_serial(other)


def test_a_token_becomes_the_signature_time_stamp_attribute():
    """Unsigned, whole, and nothing else changes."""
    token = der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, der.sequence()))
    made = Made(KeyAlgorithm.P256, token=token)
    signer = asn1_cms.ContentInfo.load(made.cms, strict=True)["content"]["signer_infos"][0]
    (attribute,) = signer["unsigned_attrs"]
    assert attribute["type"].dotted == "1.2.840.113549.1.9.16.2.14"
    assert attribute["values"].contents == token


def test_a_certificate_that_is_its_own_chain_is_embedded_once():
    """A set has no doubles."""
    key = KEYS[KeyAlgorithm.P256]()
    own = certificate(key).public_bytes(Encoding.DER)
    data = cms.signed_data(cms.signed_attributes(bytes(32), own), b"", own, [own], KeyAlgorithm.P256)
    assert data.count(own) == 1


@pytest.mark.parametrize("kind", KEYS)
def test_openssl_verifies_it(kind, tmp_path):
    """With the certificate reference of CAdES."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed: apt-get install openssl")
    made = Made(kind)
    (tmp_path / "cms").write_bytes(made.cms)
    (tmp_path / "content").write_bytes(CONTENT)
    (tmp_path / "anchor").write_bytes(made.cert.public_bytes(Encoding.PEM))
    command = [openssl, "cms", "-verify", "-binary", "-cades", "-purpose", "any", "-inform", "DER"]
    command += ["-in", "cms", "-content", "content", "-CAfile", "anchor", "-out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@given(r=st.integers(1, 2**256 - 1), s=st.integers(1, 2**256 - 1))
def test_r_and_s_are_kept_as_numbers(r, s):
    """Whatever their leading bits."""
    octets = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert decode_dss_signature(cms.signature_octets(SignatureValue(octets), KeyAlgorithm.P256)) == (r, s)


@pytest.mark.parametrize(
    ("kind", "right"),
    [(KeyAlgorithm.P256, 64), (KeyAlgorithm.P384, 96), (KeyAlgorithm.P521, 132), (KeyAlgorithm.RSA_3072, 384)],
)
def test_values_of_other_lengths_are_refused(kind, right):
    """A value of another key, or DER where r‖s is expected."""
    assert cms.signature_octets(SignatureValue(b"\1" * right), kind)
    for wrong in (0, right - 1, right + 1, 70):
        with pytest.raises(ValueError, match="not a signature value of this key"):
            cms.signature_octets(SignatureValue(b"\1" * wrong), kind)
