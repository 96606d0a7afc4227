"""The local authority: what it issues, to whom, and how it ends it."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from gateway.domain.certificates import KeyAlgorithm, certificate_matches_person
from gateway.errors import AuthorityUnavailable, ConfigurationError, EnrolmentRefused
from gateway.issuing.api import CertificateProfile, RevocationReason, Subject, Validity

LASTING, SHORT = CertificateProfile.LASTING, CertificateProfile.SHORT_TERM


def extension(der, oid):
    return x509.load_der_x509_certificate(der).extensions.get_extension_for_oid(oid)


def oids(der):
    return {e.oid.dotted_string for e in x509.load_der_x509_certificate(der).extensions}


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.P384, KeyAlgorithm.P521, KeyAlgorithm.RSA_3072])
def test_openssl_accepts_the_chain_strictly_whatever_the_authoritys_key(
    office_of, algorithm, person, year, csr_of, private_key_of, pem, tmp_path
):
    """``openssl verify -x509_strict`` finds the path to the root, for every kind of authority key."""
    office = office_of(algorithm)
    issued = office.authority.issue(csr_of(private_key_of(KeyAlgorithm.P256)), person, LASTING, year)
    (tmp_path / "root.pem").write_bytes(pem(office.root))
    (tmp_path / "ca.pem").write_bytes(pem(*issued.chain))
    (tmp_path / "signer.pem").write_bytes(pem(issued.der))
    files = ["-CAfile", tmp_path / "root.pem", "-untrusted", tmp_path / "ca.pem", tmp_path / "signer.pem"]
    command = ["openssl", "verify", "-x509_strict", "-attime", str(int(issued.not_before.timestamp()) + 5), *files]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 0, result.stderr


def test_the_subject_is_the_authenticated_person_and_never_the_requests(issued, person):
    """EN 319 412-2: C, CN, givenName, surname and PNOMD-…; the request had called itself Mallory."""
    subject = x509.load_der_x509_certificate(issued.der).subject
    assert [(a.oid, a.value) for a in subject] == [
        (NameOID.COUNTRY_NAME, "MD"),
        (NameOID.COMMON_NAME, "Ștefan Încercare"),
        (NameOID.GIVEN_NAME, "Ștefan"),
        (NameOID.SURNAME, "Încercare"),
        (NameOID.SERIAL_NUMBER, "PNOMD-2999000000014"),
    ]
    assert certificate_matches_person(
        issued.serial_number_attribute, person.personal_identifier, plain_number_trusted=False
    )


def test_a_lasting_certificate_carries_what_strict_validators_ask_for(issued, office):
    der = issued.der
    usage = extension(der, ExtensionOID.KEY_USAGE)
    assert usage.critical
    assert usage.value.content_commitment
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not extension(der, ExtensionOID.BASIC_CONSTRAINTS).value.ca
    own = extension(office.certificate, ExtensionOID.SUBJECT_KEY_IDENTIFIER).value.digest
    assert extension(der, ExtensionOID.AUTHORITY_KEY_IDENTIFIER).value.key_identifier == own
    key = x509.load_der_x509_certificate(der).public_key()
    assert extension(der, ExtensionOID.SUBJECT_KEY_IDENTIFIER).value == x509.SubjectKeyIdentifier.from_public_key(key)
    points = extension(der, ExtensionOID.CRL_DISTRIBUTION_POINTS).value
    assert points[0].full_name[0].value == "http://127.0.0.1:9/crl"
    access = {
        a.access_method._name: a.access_location.value
        for a in extension(der, ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    }
    assert access == {"OCSP": "http://127.0.0.1:9/ocsp", "caIssuers": "http://127.0.0.1:9/issuer"}
    policies = extension(der, ExtensionOID.CERTIFICATE_POLICIES).value
    assert [p.policy_identifier.dotted_string for p in policies] == ["2.999.7"]


def test_no_certificate_claims_to_be_qualified(issued):
    """No qcStatements (1.3.6.1.5.5.7.1.3) anywhere."""
    assert "1.3.6.1.5.5.7.1.3" not in oids(issued.der)


def test_a_short_term_certificate_says_that_nobody_need_ask(office, person, now, csr_of, private_key_of):
    """noRevAvail and valassured-ST, both NULL; no OCSP and no CRL address (RFC 9608), but its issuer's."""
    validity = Validity(now, timedelta(minutes=15))
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    der = office.authority.issue(csr, person, SHORT, validity).der
    for oid in ("2.5.29.56", "0.4.0.194121.2.1"):
        found = extension(der, x509.ObjectIdentifier(oid))
        assert not found.critical
        assert found.value.value == b"\x05\x00"
    assert ExtensionOID.CRL_DISTRIBUTION_POINTS.dotted_string not in oids(der)
    access = extension(der, ExtensionOID.AUTHORITY_INFORMATION_ACCESS).value
    assert [a.access_method._name for a in access] == ["caIssuers"]


def test_a_lasting_certificate_never_says_that_nobody_need_ask(issued):
    assert not oids(issued.der) & {"2.5.29.56", "0.4.0.194121.2.1"}


def test_the_chain_given_leaves_out_the_root(issued, office):
    assert issued.chain == (office.certificate,)


def test_what_is_issued_is_in_the_register_with_that_very_key(office, issued, private_key_of):
    row = office.register.get(office.key_hash, int(issued.serial, 16))
    assert row.der == issued.der
    assert row.revoked is None
    key = x509.load_der_x509_certificate(issued.der).public_key()
    assert key == private_key_of(KeyAlgorithm.P256).public_key()


def test_serial_numbers_are_positive_fit_twenty_octets_and_do_not_repeat(office, person, year, csr_of, private_key_of):
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    serials = {int(office.authority.issue(csr, person, LASTING, year).serial, 16) for _ in range(20)}
    assert len(serials) == 20
    assert all(0 < s < 1 << 159 for s in serials)
    assert max(serials).bit_length() > 128


def test_times_are_whole_seconds_and_an_authority_is_never_outlived(office, person, now, csr_of, private_key_of):
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    authority = office.make(longest=timedelta(days=9000))
    issued = authority.issue(csr, person, LASTING, Validity(now, timedelta(days=9000)))
    assert issued.not_before == now.replace(microsecond=0)
    assert issued.not_after == x509.load_der_x509_certificate(office.certificate).not_valid_after_utc


@pytest.mark.parametrize(
    ("profile", "starts", "lasts"),
    [
        (LASTING, timedelta(0), timedelta(days=2000)),
        (LASTING, timedelta(0), timedelta(0)),
        (LASTING, timedelta(0), timedelta(days=-1)),
        (SHORT, timedelta(0), timedelta(hours=25)),
        (LASTING, timedelta(days=-500), timedelta(days=900)),
        (LASTING, timedelta(days=5000), timedelta(days=1)),
    ],
)
def test_a_validity_out_of_bounds_is_refused(office, person, now, csr_of, private_key_of, profile, starts, lasts):
    """Too long for its profile, empty, or outside the authority's own."""
    with pytest.raises(EnrolmentRefused):
        office.authority.issue(
            csr_of(private_key_of(KeyAlgorithm.P256)), person, profile, Validity(now + starts, lasts)
        )


@pytest.mark.parametrize(
    "subject",
    [
        Subject("2999000000014", "", "Probă"),
        Subject("2999000000014", "Ana", "P" * 65),
        Subject("2999000000014", "Ana\u202e", "Probă"),
        Subject("2999000000014", "Ana\n", "Pro\x00bă"),
        Subject("29990, CN=x", "Ana", "Probă"),
        Subject("", "Ana", "Probă"),
        Subject("2999000000014", "Ana", "Probă", country="md"),
    ],
)
def test_names_that_could_mislead_are_refused(office, year, csr_of, private_key_of, subject):
    with pytest.raises(EnrolmentRefused):
        office.authority.issue(csr_of(private_key_of(KeyAlgorithm.P256)), subject, LASTING, year)


def test_the_authoritys_own_key_is_never_certified_for_a_person(office, person, year):
    from gateway.issuing.requests import request_certificate

    with pytest.raises(EnrolmentRefused):
        office.authority.issue(request_certificate(office.keys.keys["authority"]), person, LASTING, year)


def test_revoking_is_effective_in_whole_seconds_and_final(office, issued, now):
    serial = int(issued.serial, 16)
    office.authority.revoke(issued.der, RevocationReason.KEY_COMPROMISE, now)
    office.authority.revoke(issued.der, RevocationReason.SUPERSEDED, now + timedelta(days=1))
    row = office.register.get(office.key_hash, serial)
    assert (row.revoked, row.reason) == (now.replace(microsecond=0), 1)
    with pytest.raises(AuthorityUnavailable):
        office.authority.resume(issued.der, now)


def test_a_hold_can_be_lifted_and_a_good_certificate_resumed_without_harm(office, issued, now):
    office.authority.revoke(issued.der, RevocationReason.CERTIFICATE_HOLD, now)
    assert office.register.get(office.key_hash, int(issued.serial, 16)).reason == 6
    office.authority.resume(issued.der, now)
    office.authority.resume(issued.der, now)
    assert office.register.get(office.key_hash, int(issued.serial, 16)).revoked is None


def test_another_authoritys_certificate_cannot_be_revoked_here(office, office_of, now):
    for foreign in (office_of().certificate, b"no certificate"):
        with pytest.raises(AuthorityUnavailable):
            office.authority.revoke(foreign, RevocationReason.UNSPECIFIED, now)


def test_a_forgery_under_a_serial_number_of_ours_revokes_nothing(office, issued, now):
    forged = issued.der[:-1] + bytes([issued.der[-1] ^ 1])
    with pytest.raises(AuthorityUnavailable):
        office.authority.revoke(forged, RevocationReason.UNSPECIFIED, now)
    assert office.register.get(office.key_hash, int(issued.serial, 16)).revoked is None


def test_a_key_store_that_went_away_is_an_unavailable_authority(office, person, year, csr_of, private_key_of):
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    office.keys.broken = True
    with pytest.raises(AuthorityUnavailable):
        office.authority.issue(csr, person, LASTING, year)
    with pytest.raises(AuthorityUnavailable):
        office.authority.check()


def test_a_key_that_is_not_the_certificates_is_noticed_before_anybody_gets_a_certificate(
    office, person, year, csr_of, private_key_of
):
    """A label that points to another key: nothing is issued, nothing is in the register, and check() says so."""
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    assert "TEST authority" in office.authority.check()
    office.keys.keys["authority"] = office.keys.keys["responder"]
    with pytest.raises(AuthorityUnavailable):
        office.authority.issue(csr, person, LASTING, year)
    with pytest.raises(AuthorityUnavailable):
        office.authority.check()
    assert not office.register._rows


def test_only_an_authoritys_certificate_makes_an_authority(office, issued):
    from gateway.issuing.local import LocalAuthority

    for der in (issued.der, b"nothing"):
        with pytest.raises(ConfigurationError):
            LocalAuthority(
                der,
                [],
                office.keys,
                "authority",
                office.register,
                ocsp_url="http://o",
                crl_url="http://c",
                issuer_url="http://i",
            )
