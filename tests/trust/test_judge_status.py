"""Status is found where it is said with authority, and never guessed."""

from datetime import timedelta
from hashlib import sha1

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from gateway.domain.verdicts import Trust
from gateway.trust.api import Purpose

REASON = x509.ReasonFlags
MINUTE = timedelta(minutes=1)
NO_CHECK = (x509.OCSPNoCheck(), False)


@pytest.fixture
def judged(kit):
    return kit.judged


@pytest.fixture
def top(kit):
    return kit.root()


@pytest.fixture
def signer(top):
    return top.issue("Signer")


@pytest.fixture
def judge(kit, top):
    return kit.judge(top)


def responder(top, **more):
    extras = more.pop("extras", (NO_CHECK,))
    return top.issue("Responder", eku=[ExtendedKeyUsageOID.OCSP_SIGNING], extras=extras, **more)


# ------------------------------------------------------------------ what came along


def test_without_any_status_it_is_unknown_and_not_good(judged, judge, signer):
    verdict = judged(judge, signer)
    assert verdict.trust is Trust.STATUS_UNKNOWN
    assert verdict.detail


@pytest.mark.parametrize("certid", [hashes.SHA1(), hashes.SHA256(), hashes.SHA384()])
def test_a_good_ocsp_response_by_the_issuer_is_believed(judged, judge, top, signer, certid):
    assert judged(judge, signer, ocsp_responses=[top.ocsp(signer, certid=certid)]).trust is Trust.GOOD


def test_a_crl_of_the_issuer_is_believed(judged, judge, top, signer):
    assert judged(judge, signer, crls=[top.crl()]).trust is Trust.GOOD


def test_revocation_counts_from_its_date_on(judged, kit, judge, top, signer):
    revoked = kit.NOW - 3 * kit.DAY
    for evidence in (
        {"crls": [top.crl((signer, revoked, REASON.key_compromise))]},
        {"ocsp_responses": [top.ocsp(signer, kit.REVOKED, revoked=revoked, reason=REASON.key_compromise)]},
    ):
        verdict = judged(judge, signer, **evidence)
        assert verdict.trust is Trust.REVOKED
        assert verdict.revoked_at == revoked
        assert judged(judge, signer, at=revoked, **evidence).trust is Trust.REVOKED
        assert judged(judge, signer, at=revoked - MINUTE, **evidence).trust is Trust.GOOD


def test_a_revocation_outweighs_a_good_answer_and_old_age(judged, kit, judge, top, signer):
    old = top.crl((signer, kit.NOW - 30 * kit.DAY, None), this=kit.NOW - 29 * kit.DAY, end=kit.NOW - 28 * kit.DAY)
    assert judged(judge, signer, crls=[old], ocsp_responses=[top.ocsp(signer)]).trust is Trust.REVOKED


def test_a_hold_is_neither_good_nor_revoked_while_it_lasts(judged, kit, judge, top, signer):
    held = kit.NOW - 3 * kit.DAY
    for evidence in (
        {"crls": [top.crl((signer, held, REASON.certificate_hold))]},
        {"ocsp_responses": [top.ocsp(signer, kit.REVOKED, revoked=held, reason=REASON.certificate_hold)]},
    ):
        assert judged(judge, signer, **evidence).trust is Trust.ON_HOLD
        assert judged(judge, signer, at=held - kit.DAY, **evidence).trust is Trust.GOOD
    old = top.crl((signer, held, REASON.certificate_hold), this=held, end=held + kit.HOUR)
    assert judged(judge, signer, crls=[old]).trust is Trust.STATUS_UNKNOWN


def test_an_old_answer_says_nothing_about_now(judged, kit, judge, top, signer):
    stale = top.ocsp(signer, this=kit.NOW - 2 * kit.DAY, end=kit.NOW - kit.DAY)
    assert judged(judge, signer, ocsp_responses=[stale]).trust is Trust.STATUS_UNKNOWN
    assert judged(judge, signer, at=kit.NOW - 2 * kit.DAY, ocsp_responses=[stale]).trust is Trust.GOOD
    stale = top.crl(this=kit.NOW - 2 * kit.DAY, end=kit.NOW - kit.DAY)
    assert judged(judge, signer, crls=[stale]).trust is Trust.STATUS_UNKNOWN


def test_an_answer_from_the_future_is_not_believed(judged, kit, judge, top, signer):
    future = top.ocsp(signer, this=kit.NOW + kit.HOUR, end=kit.NOW + 2 * kit.HOUR)
    assert judged(judge, signer, ocsp_responses=[future]).trust is Trust.STATUS_UNKNOWN


def test_a_maximum_age_binds_even_before_next_update(judged, kit, top, signer):
    response = top.ocsp(signer, this=kit.NOW - 3 * kit.DAY, end=kit.NOW + 3 * kit.DAY)
    assert judged(kit.judge(top), signer, ocsp_responses=[response]).trust is Trust.GOOD
    strict = kit.judge(top, ocsp_max_age=kit.DAY)
    assert judged(strict, signer, ocsp_responses=[response]).trust is Trust.STATUS_UNKNOWN
    open_ended = top.ocsp(signer, this=kit.NOW - 8 * kit.DAY, end=None)
    assert judged(kit.judge(top), signer, ocsp_responses=[open_ended]).trust is Trust.STATUS_UNKNOWN


def test_freshness_can_be_demanded(judged, kit, judge, top, signer):
    response = top.ocsp(signer, this=kit.NOW - 4 * MINUTE)
    five, three = 5 * MINUTE, 3 * MINUTE
    assert judged(judge, signer, ocsp_responses=[response], fresh_within=five).trust is Trust.GOOD
    old = top.crl(this=kit.NOW - kit.HOUR)
    assert judged(judge, signer, crls=[old], fresh_within=five).trust is Trust.STATUS_UNKNOWN
    crl = top.crl(this=kit.NOW - 4 * MINUTE)
    assert judged(judge, signer, crls=[crl], fresh_within=five).trust is Trust.GOOD
    assert judged(judge, signer, crls=[crl], fresh_within=three).trust is Trust.STATUS_UNKNOWN


def test_a_list_that_forgets_the_expired_does_not_clear_an_expired_certificate(judged, kit, top):
    signer = top.issue("Signer", end=kit.NOW - 10 * kit.DAY)
    judge, at = kit.judge(top), kit.NOW - 20 * kit.DAY
    assert judged(judge, signer, at=at, crls=[top.crl()]).trust is Trust.STATUS_UNKNOWN
    since = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20200101000000Z")
    assert judged(judge, signer, at=at, crls=[top.crl(extras=((since, False),))]).trust is Trust.GOOD
    before_the_end = top.crl(this=kit.NOW - 15 * kit.DAY, end=kit.NOW - 14 * kit.DAY)
    assert judged(judge, signer, at=at, crls=[before_the_end]).trust is Trust.GOOD


@pytest.mark.parametrize("oid", ["2.5.29.56", "0.4.0.194121.2.1"])
def test_short_term_certificates_need_no_status(judged, kit, judge, top, oid):
    mark = (x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), b"\x05\x00"), False)
    assert judged(judge, top.issue("Signer", extras=(mark,))).trust is Trust.GOOD
    middle = top.issue("Middle", ca=True, extras=(mark,))
    below = middle.issue("Below", extras=(mark,))
    assert judged(judge, below, others=[middle.der]).trust is Trust.STATUS_UNKNOWN


def test_ocsp_nocheck_clears_responders_only(judged, judge, top):
    assert judged(judge, top.issue("Signer", extras=(NO_CHECK,))).trust is Trust.STATUS_UNKNOWN


# ------------------------------------------------------------------ who may say so


def test_a_responder_certified_by_the_issuer_is_believed(judged, judge, top, signer):
    assert judged(judge, signer, ocsp_responses=[top.ocsp(signer, responder=responder(top))]).trust is Trust.GOOD


def test_nobody_else_may_answer(judged, kit, judge, top, signer):
    stranger = kit.root("Stranger")
    unmarked = top.issue("Unmarked", extras=(NO_CHECK,))
    expired = responder(top, end=kit.NOW - kit.DAY)
    colleague = top.issue("Colleague", ca=True)
    for response in (
        stranger.ocsp(signer, issuer=top),  # another authority
        top.ocsp(signer, responder=unmarked),  # certified, but not for this
        top.ocsp(signer, responder=expired),
        top.ocsp(signer, responder=responder(stranger)),  # certified by another authority
        top.ocsp(signer, responder=responder(colleague), embedded=None),  # not by the issuer itself
        top.ocsp(signer, responder=responder(top), embedded=[]),  # not shown
        top.ocsp(signer, responder=kit.root(), by_name=True, embedded=[]),  # in the issuer's name, with another key
    ):
        assert judged(judge, signer, ocsp_responses=[response]).trust is Trust.STATUS_UNKNOWN


def test_a_responder_without_nocheck_needs_a_status_of_its_own(judged, kit, judge, top, signer):
    answering = responder(top, extras=())
    response = top.ocsp(signer, responder=answering)
    assert judged(judge, signer, ocsp_responses=[response]).trust is Trust.STATUS_UNKNOWN
    # The list clears the responder, and is too old to clear the signer itself before signing.
    evidence = {"ocsp_responses": [response], "fresh_within": 5 * MINUTE}
    assert judged(judge, signer, crls=[top.crl()], **evidence).trust is Trust.GOOD
    revoked = top.crl((answering, kit.NOW - kit.DAY, REASON.key_compromise))
    assert judged(judge, signer, crls=[revoked], **evidence).trust is Trust.STATUS_UNKNOWN


def test_an_answer_about_another_certificate_does_not_count(judged, kit, judge, top, signer):
    other = top.issue("Other")
    assert judged(judge, signer, ocsp_responses=[top.ocsp(other)]).trust is Trust.STATUS_UNKNOWN
    namesake = kit.root()  # the same issuer name, another key: the CertID differs
    response = top.ocsp(signer, issuer=namesake)
    assert judged(judge, signer, ocsp_responses=[response]).trust is Trust.STATUS_UNKNOWN


def test_unknown_and_try_later_are_neither_good_nor_revoked(judged, kit, judge, top, signer):
    later = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    for response in (top.ocsp(signer, kit.UNKNOWN), later.public_bytes(Encoding.DER)):
        assert judged(judge, signer, ocsp_responses=[response]).trust is Trust.STATUS_UNKNOWN


def test_lists_of_other_issuers_keys_kinds_and_scopes_do_not_count(judged, kit, judge, top, signer):
    def scope(**chosen):
        given = {
            "full_name": None,
            "relative_name": None,
            "only_contains_user_certs": False,
            "only_contains_ca_certs": False,
            "only_some_reasons": None,
            "indirect_crl": False,
            "only_contains_attribute_certs": False,
        }
        return ((x509.IssuingDistributionPoint(**{**given, **chosen}), True),)

    elsewhere = [x509.UniformResourceIdentifier("http://crl.example/other.crl")]
    strange = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00"), True)
    for crl in (
        kit.root("Stranger").crl(),
        top.crl(key=ec.generate_private_key(ec.SECP256R1())),
        top.crl(extras=((x509.DeltaCRLIndicator(1), True),)),
        top.crl(extras=scope(indirect_crl=True)),
        top.crl(extras=scope(only_contains_ca_certs=True)),
        top.crl(extras=scope(only_contains_attribute_certs=True)),
        top.crl(extras=scope(only_some_reasons=frozenset({REASON.superseded}))),
        top.crl(extras=scope(full_name=elsewhere)),
        top.crl(extras=(strange,)),
    ):
        assert judged(judge, signer, crls=[crl]).trust is Trust.STATUS_UNKNOWN
    assert judged(judge, signer, crls=[top.crl(extras=scope(only_contains_user_certs=True))]).trust is Trust.GOOD
    here = top.issue("Here", crl_url=elsewhere[0].value)
    assert judged(judge, here, crls=[top.crl(extras=scope(full_name=elsewhere))]).trust is Trust.GOOD


def test_an_issuer_that_may_not_sign_lists_does_not_clear_anybody(judged, kit, judge, top):
    middle = top.issue("Middle", ca=True, usage={"crl_sign": False})
    signer = middle.issue("Signer")
    crls = [top.crl(), middle.crl()]
    assert judged(judge, signer, others=[middle.der], crls=crls).trust is Trust.STATUS_UNKNOWN


def test_every_certificate_below_the_anchor_is_checked(judged, kit, judge, top):
    middle = top.issue("Middle", ca=True)
    signer = middle.issue("Signer")
    good = middle.ocsp(signer)
    assert judged(judge, signer, others=[middle.der], ocsp_responses=[good]).trust is Trust.STATUS_UNKNOWN
    clear = top.crl()
    assert judged(judge, signer, others=[middle.der], ocsp_responses=[good], crls=[clear]).trust is Trust.GOOD
    ended = top.crl((middle, kit.NOW - kit.DAY, REASON.ca_compromise))
    verdict = judged(judge, signer, others=[middle.der], ocsp_responses=[good], crls=[ended])
    assert verdict.trust is Trust.ISSUER_REVOKED
    assert verdict.path
    held = top.crl((middle, kit.NOW - kit.DAY, REASON.certificate_hold))
    verdict = judged(judge, signer, others=[middle.der], ocsp_responses=[good], crls=[held])
    assert verdict.trust is Trust.STATUS_UNKNOWN


@pytest.mark.parametrize(
    ("reason", "trust"),
    [
        (REASON.superseded, Trust.GOOD),
        (REASON.cessation_of_operation, Trust.GOOD),
        (REASON.key_compromise, Trust.REVOKED),
        (None, Trust.REVOKED),
    ],
)
def test_a_time_stamping_authority_revoked_later_keeps_its_tokens_unless_its_key_may_be_stolen(
    judged, kit, judge, top, reason, trust
):
    tsa = top.issue("TSA", tsa=True)
    crl = top.crl((tsa, kit.NOW - kit.DAY, reason))
    assert judged(judge, tsa, Purpose.TIME_STAMPING, at=kit.NOW - 3 * kit.DAY, crls=[crl]).trust is trust
    assert judged(judge, tsa, Purpose.TIME_STAMPING, crls=[crl]).trust is Trust.REVOKED


# ------------------------------------------------------------------ what is fetched


def answering(top, holder, kit, **more):
    """An OCSP responder that repeats the nonce."""

    def answer(body):
        asked = ocsp.load_der_ocsp_request(body)
        assert asked.serial_number == holder.cert.serial_number
        nonce = asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
        return top.ocsp(holder, **{"nonce": nonce, **more})

    return answer


def test_status_is_asked_over_ocsp_and_kept_for_a_while(judged, kit, top, service):
    signer = top.issue("Signer", ocsp_url=service.url + "/ocsp", crl_url=service.url + "/crl")
    service.routes["/ocsp"] = answering(top, signer, kit)
    judge = kit.judge(top, fetcher=kit.local())
    assert judged(judge, signer).trust is Trust.GOOD
    assert judged(judge, signer, now=kit.NOW + MINUTE).trust is Trust.GOOD
    assert service.asked == ["/ocsp"]
    revoked = kit.NOW + 5 * MINUTE
    service.routes["/ocsp"] = answering(top, signer, kit, status=kit.REVOKED, revoked=revoked, this=revoked)
    assert judged(judge, signer, now=kit.NOW + 10 * MINUTE).trust is Trust.REVOKED


def test_demanded_freshness_asks_anew(judged, kit, top, service):
    signer = top.issue("Signer", ocsp_url=service.url + "/ocsp")
    service.routes["/ocsp"] = answering(top, signer, kit)
    judge = kit.judge(top, fetcher=kit.local())
    assert judged(judge, signer).trust is Trust.GOOD
    # Hours later, for a response is dated when it is made, and a whole run may take minutes to come here.
    later = kit.NOW + 3 * kit.HOUR
    service.routes["/ocsp"] = answering(
        top, signer, kit, status=kit.REVOKED, revoked=kit.NOW, this=later, end=later + kit.HOUR
    )
    verdict = judged(judge, signer, now=later, fresh_within=MINUTE)
    assert verdict.trust is Trust.REVOKED


def test_a_response_to_another_nonce_is_refused_and_the_list_serves(judged, kit, top, service):
    signer = top.issue("Signer", ocsp_url=service.url + "/ocsp", crl_url=service.url + "/crl")
    service.routes["/ocsp"] = top.ocsp(signer, nonce=b"somebody else's nonce")
    judge = kit.judge(top, fetcher=kit.local())
    assert judged(judge, signer).trust is Trust.STATUS_UNKNOWN
    service.routes["/crl"] = top.crl()
    assert judged(kit.judge(top, fetcher=kit.local()), signer).trust is Trust.GOOD


def test_a_list_is_fetched_where_ocsp_fails_and_once_for_many(judged, kit, top, service):
    first = top.issue("First", ocsp_url=service.url + "/ocsp", crl_url=service.url + "/crl")
    second = top.issue("Second", crl_url=service.url + "/crl")
    service.routes["/crl"] = top.crl((second, kit.NOW - kit.DAY, None))
    judge = kit.judge(top, fetcher=kit.local())
    assert judged(judge, first).trust is Trust.GOOD
    assert judged(judge, second).trust is Trust.REVOKED
    assert service.asked == ["/ocsp", "/crl"]


def test_what_was_fetched_serves_on_when_the_service_falls_silent(judged, kit, top, service):
    signer = top.issue("Signer", crl_url=service.url + "/crl")
    service.routes["/crl"] = top.crl()
    judge = kit.judge(top, fetcher=kit.local())
    assert judged(judge, signer).trust is Trust.GOOD
    del service.routes["/crl"]
    assert judged(judge, signer, now=kit.NOW + 3 * kit.HOUR).trust is Trust.GOOD
    assert judged(judge, signer, now=kit.NOW + 2 * kit.DAY).trust is Trust.STATUS_UNKNOWN


def test_an_older_answer_that_came_along_does_not_hide_a_revocation_since(judged, kit, top, service):
    """A thief embeds yesterday's good answer; the service knows better."""
    signer = top.issue("Signer", ocsp_url=service.url + "/ocsp")
    yesterday = top.ocsp(signer, this=kit.NOW - kit.DAY, end=kit.NOW + kit.DAY)
    service.routes["/ocsp"] = answering(top, signer, kit, status=kit.REVOKED, revoked=kit.NOW - kit.HOUR)
    judge = kit.judge(top, fetcher=kit.local())
    assert judged(judge, signer, ocsp_responses=[yesterday]).trust is Trust.REVOKED
    assert judged(kit.judge(top), signer, ocsp_responses=[yesterday]).trust is Trust.GOOD


def test_evidence_later_than_the_moment_spares_the_network(judged, kit, top, service):
    signer = top.issue("Signer", ocsp_url=service.url + "/ocsp")
    judge = kit.judge(top, fetcher=kit.local())
    verdict = judged(judge, signer, at=kit.NOW - kit.DAY, ocsp_responses=[top.ocsp(signer)])
    assert verdict.trust is Trust.GOOD
    assert service.asked == []


def test_nothing_is_fetched_for_certificates_that_nobody_trusts(judged, kit, top, service):
    urls = {"ocsp_url": service.url + "/ocsp", "crl_url": service.url + "/crl", "issuer_url": service.url + "/ca"}
    judge = kit.judge(top, fetcher=kit.local())
    assert judged(judge, kit.root("Stranger").issue("Signer", **urls)).trust is Trust.NO_PATH
    assert judged(judge, kit.root().issue("Signer", **urls)).trust is Trust.CHAIN_INVALID
    assert service.asked == []


def test_missing_issuers_are_fetched_from_named_hosts_only(judged, kit, top, service):
    middle = top.issue("Middle", ca=True)
    signer = middle.issue("Signer", issuer_url=service.url + "/ca")
    service.routes["/ca"] = middle.der
    evidence = {"crls": [top.crl(), middle.crl()]}
    assert judged(kit.judge(top, fetcher=kit.local()), signer, **evidence).trust is Trust.NO_PATH
    assert service.asked == []
    judge = kit.judge(top, fetcher=kit.local(allowed_hosts=("127.0.0.1",)))
    assert judged(judge, signer, **evidence).trust is Trust.GOOD
    assert judged(judge, signer, **evidence).trust is Trust.GOOD
    assert service.asked == ["/ca"]


def test_a_service_that_answers_nonsense_leaves_the_status_unknown(judged, kit, top, service):
    signer = top.issue("Signer", ocsp_url=service.url + "/ocsp", crl_url=service.url + "/crl")
    service.routes["/ocsp"] = service.routes["/crl"] = b"<html>maintenance</html>"
    verdict = judged(kit.judge(top, fetcher=kit.local()), signer)
    assert verdict.trust is Trust.STATUS_UNKNOWN
    assert "html" not in verdict.detail


def test_the_request_names_the_certificate_as_the_standard_says(kit, top):
    from gateway.trust.ocsp import ocsp_request

    signer = top.issue("Signer")
    asked = ocsp.load_der_ocsp_request(ocsp_request(signer.cert, top.cert, b"n" * 32))
    assert asked.serial_number == signer.cert.serial_number
    assert asked.issuer_name_hash == sha1(top.cert.subject.public_bytes()).digest()
    assert asked.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 32


def test_a_revocation_is_heard_whichever_source_tells_it(kit, judged, judge, top, signer):
    at = kit.NOW - 2 * kit.DAY
    ended = top.ocsp(signer, kit.REVOKED, revoked=at - kit.DAY)
    assert judged(judge, signer, at=at, crls=[top.crl()], ocsp_responses=[ended]).trust is Trust.REVOKED
    assert judged(judge, signer, at=at, ocsp_responses=[top.ocsp(signer), ended]).trust is Trust.REVOKED


def test_a_list_under_another_name_does_not_count_though_the_key_is_the_issuers(kit, judged, judge, top, signer):
    namesake = kit.root("Other name", key=top.key)
    assert judged(judge, signer, crls=[namesake.crl()]).trust is Trust.STATUS_UNKNOWN


# ------------------------------------------------------------------ pointers that lead astray


@pytest.fixture
def named(kit):
    """A fetcher whose operator named the service's host, so that issuers are fetched too."""
    return kit.local(allowed_hosts=("127.0.0.1",))


def test_issuers_that_point_at_each_other_cost_a_few_fetches(judged, kit, top, service, named):
    """Two strangers that issue each other, each with the other's address."""
    first = kit.root("Stranger").issue("One", ca=True, issuer_url=service.url + "/two")
    second = kit.root("Stranger").issue("Two", ca=True, issuer_url=service.url + "/one")
    service.routes.update({"/one": first.der, "/two": second.der})
    signer = first.issue("Signer", issuer_url=service.url + "/one")
    judge = kit.judge(top, fetcher=named)
    assert judged(judge, signer).trust is not Trust.GOOD
    assert len(service.asked) <= 3


def test_an_endless_chain_of_issuers_is_left_after_a_few(judged, kit, top, service, named):
    holder = kit.root("Stranger").issue("CA 0", ca=True, issuer_url=f"{service.url}/0")
    for n in range(12):
        service.routes[f"/{n}"] = holder.der
        holder = holder.issue(f"CA {n + 1}", ca=True, issuer_url=f"{service.url}/{n}")
    assert judged(kit.judge(top, fetcher=named), holder.issue("Signer", issuer_url=f"{service.url}/11")).path == ()
    assert len(service.asked) <= 3


def test_a_heap_of_addresses_in_one_certificate_is_followed_so_far_only(judged, kit, top, service, named):
    def heap(method, kind):
        access = [
            x509.AccessDescription(method, x509.UniformResourceIdentifier(f"{service.url}/{kind}/{n}"))
            for n in range(50)
        ]
        return x509.AuthorityInformationAccess(access), False

    points = x509.CRLDistributionPoints(
        [
            x509.DistributionPoint([x509.UniformResourceIdentifier(f"{service.url}/crl/{n}")], None, None, None)
            for n in range(50)
        ]
    )
    issuers = (heap(AuthorityInformationAccessOID.CA_ISSUERS, "ca"),)
    assert judged(kit.judge(top, fetcher=named), kit.root("Stranger").issue("Signer", extras=issuers)).path == ()
    status = (heap(AuthorityInformationAccessOID.OCSP, "ocsp"), (points, False))
    assert judged(kit.judge(top, fetcher=named), top.issue("Signer", extras=status)).trust is Trust.STATUS_UNKNOWN
    asked = [path.split("/")[1] for path in service.asked]
    assert {kind: asked.count(kind) for kind in set(asked)} == {"ca": 3, "ocsp": 3, "crl": 3}


def test_what_is_fetched_as_an_issuer_is_believed_below_an_anchor_only(judged, kit, top, service, named):
    stranger = kit.root("Stranger")
    signer = stranger.issue("Signer", issuer_url=service.url + "/ca")
    service.routes["/ca"] = stranger.der
    assert judged(kit.judge(top, fetcher=named), signer).trust is Trust.NO_PATH
    service.routes["/ca"] = b"\x30\x82" + b"\xff" * 400_000
    assert judged(kit.judge(top, fetcher=named), signer).trust is Trust.NO_PATH


# ------------------------------------------------------------------ kept warm


def test_a_response_that_came_along_is_read_once_for_many_documents(judged, kit, judge, top, signer, monkeypatch):
    import gateway.trust.status as room

    read, calls = room.read_ocsp_response, []
    monkeypatch.setattr(room, "read_ocsp_response", lambda *a, **m: calls.append(a) or read(*a, **m))
    response = top.ocsp(signer)
    for _ in range(3):
        assert judged(judge, signer, ocsp_responses=[bytes(bytearray(response))]).trust is Trust.GOOD
    other = top.issue("Other")
    assert judged(judge, other, ocsp_responses=[response]).trust is Trust.STATUS_UNKNOWN
    assert len(calls) == 2


def test_a_response_that_was_refused_is_not_remembered_as_good(judged, kit, judge, top, signer):
    forged = kit.root().ocsp(signer)
    for _ in range(2):
        assert judged(judge, signer, ocsp_responses=[forged]).trust is Trust.STATUS_UNKNOWN
    assert judged(judge, signer, ocsp_responses=[forged, top.ocsp(signer)]).trust is Trust.GOOD


def test_an_expired_certificate_is_told_from_one_that_may_have_been_revoked(kit, judged, judge, top):
    end = kit.NOW - 5 * kit.DAY
    old = top.issue("Old", end=end)
    before = top.ocsp(old, this=end - kit.HOUR, end=end + kit.HOUR)
    assert judged(judge, old).not_revoked is False
    verdict = judged(judge, old, ocsp_responses=[before])
    assert (verdict.trust, verdict.not_revoked) == (Trust.EXPIRED, True)
    revoked = top.crl((old, end - kit.DAY, None))
    assert judged(judge, old, ocsp_responses=[before], crls=[revoked]).not_revoked is False
    assert judged(judge, old, at=end - kit.HOUR, ocsp_responses=[before]).not_revoked is False
