"""Certification requests: ours are accepted, hostile ones are refused."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import EnrolmentRefused
from gateway.issuing.enrolment import REQUEST_LIMIT, read_request
from gateway.issuing.requests import request_certificate

P256, RSA = KeyAlgorithm.P256, KeyAlgorithm.RSA_3072


@pytest.mark.parametrize("algorithm", [P256, KeyAlgorithm.P384, KeyAlgorithm.P521, RSA])
def test_our_own_requests_prove_possession_to_ourselves_and_to_openssl(office, algorithm, tmp_path):
    """What ``request_certificate`` writes for an open key is a PKCS#10 request that anybody can check."""
    public_key = office.keys.create_service_key("new", algorithm)
    csr = request_certificate(office.keys.open_service_key("new"))
    checked = read_request(csr)
    assert (checked.public_key, checked.algorithm) == (public_key, algorithm)
    (tmp_path / "request.der").write_bytes(csr)
    command = ["openssl", "req", "-inform", "DER", "-in", tmp_path / "request.der", "-verify", "-noout"]
    assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def test_a_request_whose_signature_is_another_keys_is_refused(csr_of, private_key_of):
    """Every byte of the signature counts: possession is not proved by a changed one."""
    csr = bytearray(csr_of(private_key_of(P256)))
    csr[-3] ^= 1
    with pytest.raises(EnrolmentRefused):
        read_request(bytes(csr))


def test_a_request_with_somebody_elses_public_key_is_refused(csr_of, private_key_of, office):
    ours, theirs = csr_of(private_key_of(P256)), office.keys.keys["root"].public_key
    mine = read_request(ours).public_key
    with pytest.raises(EnrolmentRefused):
        read_request(ours.replace(mine, theirs))


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.KeyUsage(True, False, False, False, False, True, False, False, False),
        x509.KeyUsage(True, False, False, False, False, False, True, False, False),
        x509.ExtendedKeyUsage([Eku.TIME_STAMPING]),
        x509.ExtendedKeyUsage([Eku.OCSP_SIGNING, Eku.EMAIL_PROTECTION]),
        x509.ExtendedKeyUsage([Eku.ANY_EXTENDED_KEY_USAGE]),
    ],
)
def test_a_request_for_an_authoritys_powers_is_refused(csr_of, private_key_of, extension):
    with pytest.raises(EnrolmentRefused):
        read_request(csr_of(private_key_of(P256), (extension, True)))


def test_harmless_extensions_are_read_and_never_copied(office, person, year, csr_of, private_key_of):
    """Whatever a request asks for, the certificate contains what the profile says."""
    from gateway.issuing.api import CertificateProfile

    name = x509.SubjectAlternativeName([x509.DNSName("bank.example")])
    csr = csr_of(private_key_of(P256), (name, True), (x509.BasicConstraints(ca=False, path_length=None), True))
    der = office.authority.issue(csr, person, CertificateProfile.LASTING, year).der
    assert b"bank.example" in csr
    assert b"bank.example" not in der


def test_weak_keys_are_refused_unless_the_operator_says_otherwise(csr_of, private_key_of):
    csr = csr_of(private_key_of(KeyAlgorithm.RSA_2048))
    with pytest.raises(EnrolmentRefused):
        read_request(csr)
    assert read_request(csr, {KeyAlgorithm.RSA_2048}).algorithm is KeyAlgorithm.RSA_2048


def test_a_small_public_exponent_is_refused(csr_of):
    csr = csr_of(rsa.generate_private_key(3, 3072))
    with pytest.raises(EnrolmentRefused, match="exponent"):
        read_request(csr)


def test_kinds_of_key_that_we_do_not_sign_with_are_refused(csr_of):
    with pytest.raises(EnrolmentRefused):
        read_request(csr_of(ed25519.Ed25519PrivateKey.generate(), algorithm=lambda: None))


def test_a_request_signed_over_an_old_hash_is_refused(csr_of, private_key_of):
    with pytest.raises(EnrolmentRefused):
        read_request(csr_of(private_key_of(P256), algorithm=hashes.SHA224))


def test_an_oversized_request_is_refused_before_it_is_read(csr_of, private_key_of):
    padding = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.999.1"), b"\x04\x84\x00\x00\x40\x00" + bytes(16384))
    csr = csr_of(private_key_of(P256), (padding, False))
    assert len(csr) > REQUEST_LIMIT
    with pytest.raises(EnrolmentRefused, match="too large"):
        read_request(csr)


@pytest.mark.parametrize(
    "garbage", [b"", b"\x30", b"\x30\x80" * 4000, b"-----BEGIN CERTIFICATE REQUEST-----", b"\x00" * 99]
)
def test_garbage_is_refused_in_plain_words(garbage):
    with pytest.raises(EnrolmentRefused):
        read_request(garbage)


def test_bytes_after_the_request_are_refused(csr_of, private_key_of):
    with pytest.raises(EnrolmentRefused):
        read_request(csr_of(private_key_of(P256)) + b"\x00")
