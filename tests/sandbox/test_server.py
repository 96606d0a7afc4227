"""The sandbox's server: asked by strangers over HTTP as the addresses in the certificates say."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
from datetime import timedelta
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from pyhanko_certvalidator import CertificateValidator
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.errors import ExpiredError, NotYetValidError, RevokedError
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend

from gateway.issuing.api import RevocationReason
from gateway.sandbox.files import pem
from gateway.sandbox.persons import Situation

DER = serialization.Encoding.DER


def fetch(url, body=None):
    with urlopen(Request(url, data=body), timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read()


def pointers(der):
    extensions = x509.load_der_x509_certificate(der).extensions
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    found = {d.access_method._name: d.access_location.value for d in access}
    return found["OCSP"], found["caIssuers"], points[0].full_name[0].value


def question(town, der, issuer="issuing", nonce=None):
    above = x509.load_der_x509_certificate(town.sandbox.certificates[issuer])
    builder = ocsp.OCSPRequestBuilder().add_certificate(x509.load_der_x509_certificate(der), above, hashes.SHA1())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(DER)


def status(octets):
    return ocsp.load_der_ocsp_response(octets).certificate_status.name


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        (Situation.SIGNS, "GOOD"),
        (Situation.REVOKED, "REVOKED"),
        (Situation.ON_HOLD, "REVOKED"),
        (Situation.EXPIRED, "GOOD"),
    ],
)
def test_ocsp_answers_by_post_and_by_get_at_the_certificates_own_address(town, certificate_of, situation, expected):
    der = certificate_of(situation).certificate
    url, *_ = pointers(der)
    request = question(town, der)
    kind, answer = fetch(url, request)
    assert kind == "application/ocsp-response"
    assert status(answer) == expected
    encoded = quote(base64.b64encode(request).decode(), safe="")
    assert status(fetch(f"{url}/{encoded}")[1]) == expected


def test_get_requests_work_whatever_base64_makes_of_them(town, certificate_of):
    """Slashes and plus signs occur in base64; clients quote them or not."""
    der = certificate_of(Situation.SIGNS).certificate
    url, *_ = pointers(der)
    seen = set()
    for _ in range(200):
        encoded = base64.b64encode(question(town, der, nonce=os.urandom(16))).decode()
        new = {c for c in "/+" if c in encoded} - seen
        if not new:
            continue
        seen |= new
        for safe in ("", "/", "/+"):
            assert status(fetch(f"{url}/{quote(encoded, safe=safe)}")[1]) == "GOOD"
        if seen == set("/+"):
            return
    raise AssertionError("no request had both")


def test_the_crl_and_the_issuer_are_where_the_certificate_says(town, certificate_of):
    der = certificate_of(Situation.SIGNS).certificate
    _, issuer_url, crl_url = pointers(der)
    kind, issuer = fetch(issuer_url)
    assert (kind, issuer) == ("application/pkix-cert", town.sandbox.certificates["issuing"])
    kind, octets = fetch(crl_url)
    assert kind == "application/pkix-crl"
    crl = x509.load_der_x509_crl(octets)
    serial = {s: x509.load_der_x509_certificate(certificate_of(s).certificate).serial_number for s in Situation}
    assert {e.serial_number for e in crl} >= {serial[Situation.REVOKED], serial[Situation.ON_HOLD]}
    assert crl.get_revoked_certificate_by_serial_number(serial[Situation.SIGNS]) is None


@pytest.mark.parametrize("name", ["issuing", "tsa", "server", "consumer", "stranger"])
def test_the_sandboxs_own_certificates_are_good_too(town, name):
    der = town.sandbox.certificates[name]
    url, issuer_url, crl_url = pointers(der)
    issuer = next(n for n, c in town.sandbox.certificates.items() if c == fetch(issuer_url)[1])
    assert status(fetch(url, question(town, der, issuer))[1]) == "GOOD"
    assert x509.load_der_x509_crl(fetch(crl_url)[1]).issuer == x509.load_der_x509_certificate(der).issuer


def test_openssl_asks_over_http_and_believes(town, certificate_of, openssl, tmp_path):
    for situation, expected in ((Situation.SIGNS, "good"), (Situation.REVOKED, "revoked")):
        (tmp_path / "signer.pem").write_bytes(pem(certificate_of(situation).certificate))
        folder = town.sandbox.folder / "certificates"
        (tmp_path / "trusted.pem").write_bytes(pem(*(town.sandbox.certificates[n] for n in ("issuing", "root"))))
        url, *_ = pointers(certificate_of(situation).certificate)
        asked = ["-issuer", folder / "issuing.pem", "-cert", "signer.pem", "-url", url, "-CAfile", "trusted.pem"]
        result = openssl("ocsp", *asked)
        assert "Response verify OK" in result.stdout + result.stderr
        assert f"signer.pem: {expected}" in result.stdout
        assert "nonce" not in (result.stdout + result.stderr).lower()


def judged(town, key, moment):
    """certvalidator, hard-failing, fetching from the live responders."""
    parsed = [asn1.Certificate.load(der) for der in (key.certificate, *key.chain)]
    root = asn1.Certificate.load(town.sandbox.certificates["root"])
    backend = RequestsFetcherBackend(per_request_timeout=10)
    context = ValidationContext(
        trust_roots=[root], allow_fetching=True, revocation_mode="hard-fail", fetcher_backend=backend, moment=moment
    )
    validator = CertificateValidator(parsed[0], intermediate_certs=parsed[1:], validation_context=context)
    return asyncio.run(validator.async_validate_usage({"non_repudiation"}))


def test_certvalidator_judges_every_person_as_scripted(town, certificate_of):
    """A stranger's validator, told only the root, asks OCSP for the whole chain and comes to the script's verdict."""
    for name in ("Ana", "Ion", "Вера"):
        assert len(list(judged(town, certificate_of(name), None))) == 3
    for situation, error in (
        (Situation.EXPIRED, ExpiredError),
        (Situation.NOT_YET_VALID, NotYetValidError),
        (Situation.REVOKED, RevokedError),
        (Situation.ON_HOLD, RevokedError),
    ):
        with pytest.raises(error):
            judged(town, certificate_of(situation), None)


def test_a_revocation_counts_at_once_in_ocsp_and_in_the_cached_crl(town, stores, tmp_path, now):
    from werkzeug.test import Client

    from gateway.sandbox.persons import enrol_persons
    from gateway.sandbox.pki import create_sandbox
    from gateway.sandbox.server import build_wsgi

    keys, register, signer_keys = stores()
    sandbox = create_sandbox(tmp_path / "s", keys, port=8099, now=now)
    ana = enrol_persons(sandbox, keys, signer_keys, register, now)[0].certificate
    client = Client(build_wsgi(sandbox, keys, register, lambda: now))
    serial = x509.load_der_x509_certificate(ana).serial_number
    above = x509.load_der_x509_certificate(sandbox.certificates["issuing"])
    builder = ocsp.OCSPRequestBuilder().add_certificate(x509.load_der_x509_certificate(ana), above, hashes.SHA256())
    request = builder.build().public_bytes(DER)

    def seen():
        answer = status(client.post("/ocsp/issuing", data=request).data)
        crl = x509.load_der_x509_crl(client.get("/crl/issuing.crl").data)
        return answer, crl.get_revoked_certificate_by_serial_number(serial) is not None

    assert seen() == ("GOOD", False)
    assert client.get("/crl/issuing.crl").data == client.get("/crl/issuing.crl").data
    sandbox.authority(keys, register).revoke(ana, RevocationReason.CERTIFICATE_HOLD, now)
    assert seen() == ("REVOKED", True)
    sandbox.authority(keys, register).resume(ana, now)
    assert seen() == ("GOOD", False)


def test_every_answer_says_its_length_and_head_sends_no_body(town, certificate_of):
    """So that connections can be kept open by a server that does."""
    parts = urlsplit(town.sandbox.base_url)
    der = certificate_of(Situation.SIGNS).certificate
    for method, path, body, code in (
        ("POST", "/ocsp/issuing", question(town, der), 200),
        ("GET", "/crl/root.crl", None, 200),
        ("HEAD", "/crl/root.crl", None, 200),
        ("GET", "/nowhere", None, 404),
        ("HEAD", "/nowhere", None, 404),
        ("POST", "/ocsp/issuing", b"garbage", 200),
    ):
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        connection.request(method, path, body)
        answer = connection.getresponse()
        assert answer.status == code
        length, octets = int(answer.headers["Content-Length"]), answer.read()
        assert length > 0
        assert len(octets) == (0 if method == "HEAD" else length)
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/", 404),
        ("GET", "/ocsp/nobody/AAAA", 404),
        ("POST", "/ocsp/nobody", 404),
        ("POST", "/ocsp", 404),
        ("GET", "/ocsp/issuing", 405),
        ("POST", "/ocsp/issuing/AAAA", 405),
        ("POST", "/crl/issuing.crl", 405),
        ("GET", "/crl/issuing", 404),
        ("GET", "/crl/../sandbox.json", 404),
        ("GET", "/ca/issuing.pem", 404),
        ("GET", "/ca/tsa-ocsp.cer", 404),
        ("GET", "/private/server.pem", 404),
        ("DELETE", "/ca/root.cer", 405),
        ("GET", "/tsa", 405),
        ("POST", "/tsa/more", 404),
    ],
)
def test_other_paths_and_methods_are_refused_in_plain_text(wsgi, method, path, code):
    answer = wsgi.open(path, method=method)
    assert answer.status_code == code
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert ("Allow" in answer.headers) == (code == 405)


def test_bodies_are_bounded_and_their_length_is_said(wsgi):
    for path, limit in (("/ocsp/issuing", 8192), ("/tsa", 4096)):
        assert wsgi.post(path, data=bytes(limit)).status_code == 200
        assert wsgi.post(path, data=bytes(limit + 1)).status_code == 413
        assert wsgi.post(path, data=bytes(100_000)).status_code == 413
        assert wsgi.post(path, content_length=10**30).status_code == 413
        assert wsgi.open(path, method="POST", environ_overrides={"CONTENT_LENGTH": ""}).status_code == 411
        assert wsgi.open(path, method="POST", environ_overrides={"CONTENT_LENGTH": "-1"}).status_code == 400
        assert wsgi.open(path, method="POST", environ_overrides={"CONTENT_LENGTH": "99"}).status_code == 400


@pytest.mark.parametrize("encoded", ["AAAA", "====", "ăăă", "%2e%2e", "A" * 3000])
def test_a_malformed_question_in_a_path_gets_a_malformed_request_answer(wsgi, encoded):
    answer = wsgi.get(f"/ocsp/issuing/{encoded}")
    assert ocsp.load_der_ocsp_response(answer.data).response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_an_endless_path_is_refused(wsgi):
    assert wsgi.get("/ocsp/issuing/" + "A" * 40000).status_code == 414


def test_nothing_may_be_cached_on_the_way(wsgi):
    """A cached status would outlive a revocation."""
    for path in ("/crl/issuing.crl", "/ca/issuing.cer", "/nowhere"):
        assert wsgi.get(path).headers["Cache-Control"] == "no-store"


def test_a_key_store_that_went_away_is_service_unavailable_not_a_trace(wsgi, town, openssl, tmp_path):
    town.keys.broken = True
    town.moved = timedelta(minutes=30)
    query = _query(openssl, tmp_path)
    try:
        assert wsgi.get("/crl/tls.crl").status_code == 503
        assert wsgi.post("/tsa", data=query).status_code == 503
    finally:
        town.keys.broken = False
        town.moved = timedelta(0)


def _query(openssl, folder):
    (folder / "data").write_bytes(b"attested")
    openssl("ts", "-query", "-data", "data", "-sha256", "-cert", "-out", "query.tsq", check=True)
    return (folder / "query.tsq").read_bytes()


def test_openssl_believes_the_time_stamping_authority(town, openssl, tmp_path):
    """A query by ``openssl ts``, answered over HTTP, verified against the time-stamping root alone."""
    kind, reply = fetch(town.sandbox.tsa_url, _query(openssl, tmp_path))
    assert kind == "application/timestamp-reply"
    (tmp_path / "reply.tsr").write_bytes(reply)
    folder = town.sandbox.folder / "certificates"
    verified = openssl("ts", "-verify", "-data", "data", "-in", "reply.tsr", "-CAfile", folder / "time-stamping.pem")
    assert "Verification: OK" in verified.stdout + verified.stderr, verified.stderr
    assert openssl("ts", "-verify", "-data", "data", "-in", "reply.tsr", "-CAfile", folder / "root.pem").returncode != 0
    (tmp_path / "data").write_bytes(b"changed")
    assert openssl(
        "ts", "-verify", "-data", "data", "-in", "reply.tsr", "-CAfile", folder / "time-stamping.pem"
    ).returncode
    text = openssl("ts", "-reply", "-in", "reply.tsr", "-text").stdout
    assert "Policy OID: 2.999.1.2" in text
