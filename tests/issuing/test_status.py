"""CRLs and OCSP responses: read by ``cryptography``, ``openssl`` and certvalidator, asked by friend and foe."""

from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import KeyStoreUnavailable
from gateway.issuing.api import CertificateProfile, RevocationReason
from gateway.issuing.ocsp import QUESTIONS, REQUEST_LIMIT

DER = serialization.Encoding.DER
KINDS = [KeyAlgorithm.P256, KeyAlgorithm.P384, KeyAlgorithm.RSA_3072]
Status = ocsp.OCSPResponseStatus


def question(certificate, issuer, *, nonce=None, algorithm=hashes.SHA1):
    issuer = x509.load_der_x509_certificate(issuer)
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        x509.load_der_x509_certificate(certificate), issuer, algorithm()
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(DER)


def ask(office, certificate, now, **how):
    request = question(certificate, office.certificate, **how)
    return ocsp.load_der_ocsp_response(office.status.ocsp_response(request, now))


def joined(*requests):
    """One request with the questions of several."""
    first = asn1_ocsp.OCSPRequest.load(requests[0])
    questions = [r for one in requests for r in asn1_ocsp.OCSPRequest.load(one)["tbs_request"]["request_list"]]
    body = {"request_list": questions}
    assert first["tbs_request"]["request_extensions"].native is None
    return asn1_ocsp.OCSPRequest({"tbs_request": body}).dump()


def test_a_good_certificate_is_good_by_a_delegated_responder(office, issued, now):
    """Good; whole-second times; nextUpdate; the responder's certificate goes along; status is kept since the start."""
    answer = ask(office, issued.der, now)
    assert answer.response_status is Status.SUCCESSFUL
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.this_update_utc == answer.produced_at_utc == now.replace(microsecond=0)
    assert answer.next_update_utc == now.replace(microsecond=0) + timedelta(hours=1)
    (responder,) = answer.certificates
    assert responder.public_bytes(DER) == office.responder
    assert answer.responder_key_hash == x509.SubjectKeyIdentifier.from_public_key(responder.public_key()).digest
    cutoff = core.GeneralizedTime.load(answer.single_extensions[0].value.value).native
    assert cutoff == x509.load_der_x509_certificate(office.certificate).not_valid_before_utc


def test_a_revocation_counts_in_the_next_answer_with_its_time_and_reason(office, issued, now):
    office.authority.revoke(issued.der, RevocationReason.KEY_COMPROMISE, now)
    answer = ask(office, issued.der, now)
    assert answer.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert answer.revocation_time_utc == now.replace(microsecond=0)
    assert answer.revocation_reason is x509.ReasonFlags.key_compromise


def test_an_unspecified_reason_is_said_by_saying_nothing(office, issued, now):
    office.authority.revoke(issued.der, RevocationReason.UNSPECIFIED, now)
    assert ask(office, issued.der, now).revocation_reason is None
    crl = x509.load_der_x509_crl(office.status.crl(now))
    assert not list(next(iter(crl)).extensions)


def test_a_hold_is_shown_as_hold_and_is_gone_once_lifted(office, issued, now):
    office.authority.revoke(issued.der, RevocationReason.CERTIFICATE_HOLD, now)
    assert ask(office, issued.der, now).revocation_reason is x509.ReasonFlags.certificate_hold
    office.authority.resume(issued.der, now)
    assert ask(office, issued.der, now).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_a_serial_number_that_was_never_issued_is_unknown(office, office_of, person, year, csr_of, private_key_of, now):
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    elsewhere = office_of().authority.issue(csr, person, CertificateProfile.LASTING, year)
    assert ask(office, elsewhere.der, now).certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_another_authoritys_certificates_are_not_ours_to_answer(office, office_of, now):
    other = office_of()
    request = question(other.responder, other.certificate)
    answer = ocsp.load_der_ocsp_response(office.status.ocsp_response(request, now))
    assert answer.response_status is Status.UNAUTHORIZED


@pytest.mark.parametrize("algorithm", [hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512])
def test_certificates_may_be_named_by_any_usual_hash(office, issued, now, algorithm):
    answer = ask(office, issued.der, now, algorithm=algorithm)
    assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert isinstance(answer.hash_algorithm, algorithm)


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_a_nonce_is_echoed(office, issued, now, length):
    nonce = bytes(range(length))
    answer = ask(office, issued.der, now, nonce=nonce)
    assert answer.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == nonce


def test_without_a_nonce_none_is_made_up(office, issued, now):
    assert not list(ask(office, issued.der, now).extensions)


def test_several_questions_are_answered_in_their_order(office, issued, now, person, year, csr_of, private_key_of):
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    second = office.authority.issue(csr, person, CertificateProfile.LASTING, year)
    office.authority.revoke(second.der, RevocationReason.SUPERSEDED, now)
    request = joined(*(question(c.der, office.certificate) for c in (second, issued)))
    answer = ocsp.load_der_ocsp_response(office.status.ocsp_response(request, now))
    singles = [(s.serial_number, s.certificate_status.name) for s in answer.responses]
    assert singles == [(int(second.serial, 16), "REVOKED"), (int(issued.serial, 16), "GOOD")]


def test_too_many_questions_are_malformed(office, issued, now):
    request = joined(*[question(issued.der, office.certificate)] * (QUESTIONS + 1))
    assert len(request) < REQUEST_LIMIT
    answer = ocsp.load_der_ocsp_response(office.status.ocsp_response(request, now))
    assert answer.response_status is Status.MALFORMED_REQUEST


def test_garbage_is_malformed_and_never_an_exception(office, issued, now):
    """Every truncation, every single changed byte of a real request, and worse."""
    request = question(issued.der, office.certificate, nonce=bytes(16))
    hostile = [request[:i] for i in range(len(request))]
    hostile += [request[:i] + bytes([request[i] ^ 0xFF]) + request[i + 1 :] for i in range(len(request))]
    hostile += [b"\x30\x80" * 3000, b"\xff" * 100, request + b"\x00", bytes(REQUEST_LIMIT + 1)]
    for octets in hostile:
        answer = ocsp.load_der_ocsp_response(office.status.ocsp_response(octets, now))
        assert answer.response_status in (Status.MALFORMED_REQUEST, Status.UNAUTHORIZED, Status.SUCCESSFUL)
    for octets in (b"", *hostile[: len(request)], *hostile[-4:]):
        answer = ocsp.load_der_ocsp_response(office.status.ocsp_response(octets, now))
        assert answer.response_status is Status.MALFORMED_REQUEST, octets.hex()


@pytest.mark.parametrize("nonce", [b"", bytes(129)])
def test_an_empty_or_overlong_nonce_is_malformed(office, issued, now, nonce):
    assert ask(office, issued.der, now, nonce=nonce).response_status is Status.MALFORMED_REQUEST


def test_a_critical_extension_that_nobody_knows_is_malformed(office, issued, now):
    request = asn1_ocsp.OCSPRequest.load(question(issued.der, office.certificate))
    request["tbs_request"]["request_extensions"] = [
        {"extn_id": "2.999.5", "critical": True, "extn_value": core.ParsableOctetString(b"\x05\x00")}
    ]
    answer = ocsp.load_der_ocsp_response(office.status.ocsp_response(request.dump(force=True), now))
    assert answer.response_status is Status.MALFORMED_REQUEST


def test_a_request_longer_than_anybody_needs_is_malformed_though_it_could_be_read(office, issued, now):
    for length, expected in ((16, Status.SUCCESSFUL), (REQUEST_LIMIT, Status.MALFORMED_REQUEST)):
        request = asn1_ocsp.OCSPRequest.load(question(issued.der, office.certificate))
        padding = core.ParsableOctetString(bytes(length))
        request["tbs_request"]["request_extensions"] = [{"extn_id": "2.999.5", "extn_value": padding}]
        answer = ocsp.load_der_ocsp_response(office.status.ocsp_response(request.dump(force=True), now))
        assert answer.response_status is expected


def test_negative_and_enormous_serial_numbers_are_unknown(office, issued, now):
    for serial in (-5, 0, 1 << 200):
        request = asn1_ocsp.OCSPRequest.load(question(issued.der, office.certificate))
        request["tbs_request"]["request_list"][0]["req_cert"]["serial_number"] = serial
        answer = asn1_ocsp.OCSPResponse.load(office.status.ocsp_response(request.dump(force=True), now))
        (single,) = answer.response_data["responses"]
        assert single["cert_status"].name == "unknown"
        assert single["cert_id"]["serial_number"].native == serial


def test_a_key_store_that_went_away_means_try_later_and_no_status(office, issued, now):
    office.keys.broken = True
    assert ask(office, issued.der, now).response_status is Status.TRY_LATER
    with pytest.raises(KeyStoreUnavailable):
        office.status.crl(now)


def test_an_unanswerable_request_never_costs_a_signature(office, office_of, now):
    other = office_of()
    before = office.keys.opened
    office.status.ocsp_response(b"\x30\x00", now)
    office.status.ocsp_response(question(other.responder, other.certificate), now)
    assert office.keys.opened == before


def test_a_crl_is_version_two_with_number_issuer_and_every_ended_certificate(office, issued, now):
    office.authority.revoke(issued.der, RevocationReason.AFFILIATION_CHANGED, now)
    crl = x509.load_der_x509_crl(office.status.crl(now))
    own = x509.load_der_x509_certificate(office.certificate)
    assert crl.is_signature_valid(own.public_key())
    assert crl.issuer == own.subject
    assert crl.last_update_utc == now.replace(microsecond=0)
    assert crl.next_update_utc == now.replace(microsecond=0) + timedelta(days=1)
    extensions = crl.extensions
    identifier = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == own.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert extensions.get_extension_for_class(x509.CRLNumber).value.crl_number > 0
    (entry,) = crl
    assert entry.serial_number == int(issued.serial, 16)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason is x509.ReasonFlags.affiliation_changed


def test_a_crl_is_given_again_for_minutes_but_never_hides_a_revocation(office, issued, now):
    first = office.status.crl(now)
    assert office.status.crl(now + timedelta(minutes=4)) == first
    later = office.status.crl(now + timedelta(minutes=6))
    office.authority.revoke(issued.der, RevocationReason.CERTIFICATE_HOLD, now)
    revoked = office.status.crl(now + timedelta(minutes=6))
    office.authority.resume(issued.der, now)
    resumed = office.status.crl(now + timedelta(minutes=6))
    lists = [x509.load_der_x509_crl(c) for c in (first, later, revoked, resumed)]
    assert [len(c) for c in lists] == [0, 0, 1, 0]
    numbers = [c.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for c in lists]
    assert numbers == sorted(set(numbers))


def test_two_crls_of_one_moment_and_of_a_clock_set_back_still_have_growing_numbers(office, issued, now):
    numbers = []
    for moment, change in ((now, "revoke"), (now, "resume"), (now - timedelta(days=1), None)):
        if change == "revoke":
            office.authority.revoke(issued.der, RevocationReason.CERTIFICATE_HOLD, moment)
        elif change == "resume":
            office.authority.resume(issued.der, moment)
        crl = x509.load_der_x509_crl(office.status.crl(moment))
        numbers.append(crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
    assert numbers == sorted(set(numbers))


@pytest.fixture(params=KINDS, ids=lambda k: k.value)
def kept(request, office_of, person, year, csr_of, private_key_of, pem, tmp_path, now):
    """An office of each kind of key with a good and a revoked certificate, as files."""
    office = office_of(request.param)
    csr = csr_of(private_key_of(KeyAlgorithm.P256))
    good, bad = (office.authority.issue(csr, person, CertificateProfile.LASTING, year) for _ in range(2))
    office.authority.revoke(bad.der, RevocationReason.CESSATION_OF_OPERATION, now)
    for name, ders in {"good": [good.der], "bad": [bad.der], "ca": [office.certificate], "root": [office.root]}.items():
        (tmp_path / f"{name}.pem").write_bytes(pem(*ders))
    (tmp_path / "chain.pem").write_bytes(pem(office.certificate, office.root))
    return office


def run(folder, *command):
    return subprocess.run(
        ["openssl", *map(str, command)], cwd=folder, capture_output=True, text=True, timeout=30, check=False
    )


def test_openssl_asks_and_believes_the_answers(kept, tmp_path, now):
    """``openssl ocsp`` writes the request, and checks signature, delegation and nonce of the response."""
    for name, expected in (("good", "good"), ("bad", "revoked")):
        run(tmp_path, "ocsp", "-issuer", "ca.pem", "-cert", f"{name}.pem", "-reqout", f"{name}.req")
        (tmp_path / f"{name}.resp").write_bytes(kept.status.ocsp_response((tmp_path / f"{name}.req").read_bytes(), now))
        at = ["-attime", str(int(now.timestamp()) + 5), "-CAfile", "chain.pem"]
        # The response's own dates are compared with this machine's clock: allow what separates it from the tests'.
        files = [
            "-issuer",
            "ca.pem",
            "-cert",
            f"{name}.pem",
            "-reqin",
            f"{name}.req",
            "-respin",
            f"{name}.resp",
            "-no_nonce",
        ]
        result = run(tmp_path, "ocsp", *files, *at, "-validity_period", "2000000000")
        assert "Response verify OK" in result.stdout + result.stderr, result.stderr
        assert f"{name}.pem: {expected}" in result.stdout
        assert "nonce" not in result.stderr.lower(), result.stderr


def test_openssl_reads_the_crl_and_refuses_the_revoked(kept, tmp_path, now):
    (tmp_path / "ca.crl").write_bytes(kept.status.crl(now))
    result = run(tmp_path, "crl", "-inform", "DER", "-in", "ca.crl", "-CAfile", "ca.pem", "-noout")
    assert "verify OK" in result.stdout + result.stderr
    run(tmp_path, "crl", "-inform", "DER", "-in", "ca.crl", "-out", "crl.pem")
    check = ["verify", "-crl_check", "-x509_strict", "-attime", str(int(now.timestamp()) + 5), "-CAfile", "chain.pem"]
    good = run(tmp_path, *check, "-CRLfile", "crl.pem", "good.pem")
    assert good.returncode == 0, good.stderr
    bad = run(tmp_path, *check, "-CRLfile", "crl.pem", "bad.pem")
    assert "certificate revoked" in bad.stdout + bad.stderr
