"""What a lasting signature carries is enough by itself, newer than the signature, and never about a bad certificate."""

import pytest
from cryptography import x509

from gateway.domain.verdicts import Trust
from gateway.errors import AuthorityUnavailable, CertificateUnusable
from gateway.trust.anchors import TrustAnchors
from gateway.trust.api import Purpose
from gateway.trust.evidence import FetchedEvidence
from gateway.trust.judge import PathJudge


@pytest.fixture
def town(kit, service):
    """Root, issuing authority with a CRL at the root and OCSP for signers."""

    class Town:
        root = kit.root()
        issuing = root.issue("Issuing", ca=True, crl_url=f"{service.url}/root.crl")
        signer = issuing.issue("Ana", ocsp_url=f"{service.url}/ocsp", crl_url=f"{service.url}/issuing.crl")

        @staticmethod
        def answers(status=kit.GOOD, **more):
            def answer(request):
                nonces = [e.value for e in x509.ocsp.load_der_ocsp_request(request).extensions]
                nonce = next((n.nonce for n in nonces if isinstance(n, x509.OCSPNonce)), None)
                return Town.issuing.ocsp(Town.signer, status, nonce=nonce, **more)

            return answer

        @staticmethod
        def collector():
            anchors = dict.fromkeys(Purpose, TrustAnchors((Town.root.der,)))
            judge_with = lambda fetcher: PathJudge(anchors, fetcher)  # noqa: E731 - one line says it
            return FetchedEvidence(judge_with, kit.local())

        @staticmethod
        def collect(holder=None, **more):
            given = {"since": kit.NOW - kit.HOUR, "now": kit.NOW, "others": (Town.issuing.der,)} | more
            return Town.collector().collect((holder or Town.signer).der, Purpose.SIGNING, **given)

    service.routes["/root.crl"] = Town.root.crl()
    service.routes["/ocsp"] = Town.answers()
    return Town


def test_path_and_status_of_everything_below_the_anchor_are_collected(town):
    found = town.collect()
    assert found.certificates == (town.issuing.der, town.root.der)
    assert len(found.ocsp_responses) == 1
    (crl,) = found.crls
    assert x509.load_der_x509_crl(crl).issuer == town.root.cert.subject


def test_whoever_fetches_nothing_validates_by_it_alone(kit, town):
    found = town.collect()
    verdict = kit.judge(town.root).judge(
        town.signer.der,
        Purpose.SIGNING,
        at=kit.NOW - kit.HOUR,
        now=kit.NOW,
        others=found.certificates,
        ocsp_responses=found.ocsp_responses,
        crls=found.crls,
    )
    assert verdict.trust is Trust.GOOD


def test_a_list_that_is_older_than_the_signature_is_not_enough_for_the_signer(kit, town, service):
    """The issuers' lists may be older, for they are published for months."""
    del service.routes["/ocsp"]
    service.routes["/issuing.crl"] = town.issuing.crl(this=kit.NOW - kit.DAY)
    with pytest.raises(AuthorityUnavailable):
        town.collect()
    service.routes["/issuing.crl"] = town.issuing.crl(this=kit.NOW)
    assert len(town.collect().crls) == 2


def test_a_silent_status_service_is_told(town, service):
    service.routes.clear()
    with pytest.raises(AuthorityUnavailable) as failed:
        town.collect()
    assert failed.value.authority == "status service"


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_revocation_counts_from_its_date_on(kit, town, service, at):
    moment = kit.NOW - 2 * kit.HOUR if at == "before" else kit.NOW - kit.HOUR / 2
    service.routes["/ocsp"] = town.answers(kit.REVOKED, revoked=moment)
    if at == "before":
        with pytest.raises(CertificateUnusable) as refused:
            town.collect()
        assert refused.value.key == "certificate-revoked"
    else:
        assert town.collect().ocsp_responses


def test_a_stranger_has_no_evidence(kit, town):
    stranger = kit.root("Elsewhere").issue("Eve")
    with pytest.raises(CertificateUnusable) as refused:
        town.collect(stranger)
    assert refused.value.key == "certificate-not-trusted"
