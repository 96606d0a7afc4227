"""A certificate is believed when a valid path leads to an anchor of its purpose."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.domain.verdicts import Trust
from gateway.trust.anchors import TrustAnchors
from gateway.trust.api import Purpose
from gateway.trust.judge import PathJudge

NO_REV_AVAIL = (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.56"), b"\x05\x00"), False)


@pytest.fixture
def judged(kit):
    return kit.judged


def test_a_signer_below_an_anchor_is_good(judged, kit):
    top = kit.root()
    signer = top.issue("Signer", extras=(NO_REV_AVAIL,))
    verdict = judged(kit.judge(top), signer)
    assert verdict.trust is Trust.GOOD
    assert verdict.path == (signer.der, top.der)
    assert verdict.judged_at == kit.NOW
    assert not verdict.plain_number_trusted


def test_an_intermediate_may_come_along_or_lie_in_the_folder(judged, kit):
    top = kit.root()
    middle = top.issue("Middle", ca=True)
    signer = middle.issue("Signer", extras=(NO_REV_AVAIL,))
    crl = top.crl()
    without = judged(kit.judge(top), signer, crls=[crl])
    assert without.trust is Trust.NO_PATH
    assert without.path == ()
    assert judged(kit.judge(top), signer, others=[middle.der], crls=[crl]).trust is Trust.GOOD
    verdict = judged(kit.judge(top, helpers=(middle,)), signer, crls=[crl])
    assert verdict.path == (signer.der, middle.der, top.der)


def test_a_path_is_remembered_when_the_intermediate_no_longer_comes_along(judged, kit):
    top = kit.root()
    middle = top.issue("Middle", ca=True)
    signer = middle.issue("Signer", extras=(NO_REV_AVAIL,))
    judge = kit.judge(top)
    judged(judge, signer, others=[middle.der], crls=[top.crl()])
    assert judged(judge, signer, crls=[top.crl()]).trust is Trust.GOOD


def test_an_unknown_authority_is_no_path_and_a_forged_one_an_invalid_chain(judged, kit):
    top = kit.root()
    stranger = kit.root("Stranger").issue("Signer")
    assert judged(kit.judge(top), stranger).trust is Trust.NO_PATH
    forged = kit.root().issue("Signer")  # another key under the anchor's very name
    assert judged(kit.judge(top), forged).trust is Trust.CHAIN_INVALID


def test_an_intermediate_from_the_folder_is_no_anchor(judged, kit):
    top = kit.root()
    middle = kit.root("Elsewhere").issue("Middle", ca=True)
    signer = middle.issue("Signer", extras=(NO_REV_AVAIL,))
    assert judged(kit.judge(top, helpers=(middle,)), signer).trust is Trust.NO_PATH


def test_anchors_of_signers_do_not_serve_time_stamping_authorities(judged, kit):
    signers, stampers = kit.root("Signers"), kit.root("Stampers")
    judge = PathJudge(
        {Purpose.SIGNING: TrustAnchors((signers.der,)), Purpose.TIME_STAMPING: TrustAnchors((stampers.der,))}, None
    )
    tsa = signers.issue("TSA", tsa=True, extras=(NO_REV_AVAIL,))
    assert judged(judge, tsa, Purpose.TIME_STAMPING).trust is Trust.NO_PATH
    tsa = stampers.issue("TSA", tsa=True, extras=(NO_REV_AVAIL,))
    assert judged(judge, tsa, Purpose.TIME_STAMPING).trust is Trust.GOOD
    only_signers = PathJudge({Purpose.SIGNING: TrustAnchors((signers.der,))}, None)
    assert judged(only_signers, tsa, Purpose.TIME_STAMPING).trust is Trust.NO_PATH


def test_expired_and_not_yet_valid_are_told_from_no_path(judged, kit):
    top = kit.root()
    signer = top.issue("Signer", start=kit.NOW - 10 * kit.DAY, end=kit.NOW - 5 * kit.DAY, extras=(NO_REV_AVAIL,))
    judge = kit.judge(top)
    assert judged(judge, signer).trust is Trust.EXPIRED
    assert judged(judge, signer, at=kit.NOW - 7 * kit.DAY).trust is Trust.GOOD
    assert judged(judge, signer, at=kit.NOW - 11 * kit.DAY).trust is Trust.NOT_YET_VALID


def test_clocks_may_differ_a_little(judged, kit):
    top = kit.root()
    signer = top.issue("Signer", start=kit.NOW + timedelta(minutes=4), extras=(NO_REV_AVAIL,))
    assert judged(kit.judge(top), signer).trust is Trust.GOOD
    exact = kit.judge(top, clock_skew=timedelta(0))
    assert judged(exact, signer).trust is Trust.NOT_YET_VALID


def test_an_expired_issuer_makes_the_chain_invalid_and_a_renewed_one_mends_it(judged, kit):
    top = kit.root()
    key = ec.generate_private_key(ec.SECP256R1())
    old = top.issue("Middle", ca=True, key=key, start=kit.NOW - 50 * kit.DAY, end=kit.NOW - kit.DAY)
    new = top.issue("Middle", ca=True, key=key, start=kit.NOW - 2 * kit.DAY)
    signer = old.issue("Signer", extras=(NO_REV_AVAIL,))
    crls = [top.crl(this=kit.NOW)]
    judge = kit.judge(top)
    assert judged(judge, signer, others=[old.der], crls=crls).trust is Trust.CHAIN_INVALID
    assert judged(judge, signer, others=[old.der, new.der], crls=crls).path[1] == new.der
    assert judged(judge, signer, others=[old.der], at=kit.NOW - 10 * kit.DAY, crls=crls).path[1] == old.der


@pytest.mark.parametrize(
    ("purpose", "more", "trust"),
    [
        (Purpose.SIGNING, {"usage": {"content_commitment": False}}, Trust.GOOD),
        (Purpose.SIGNING, {"usage": {"digital_signature": False}}, Trust.GOOD),
        (
            Purpose.SIGNING,
            {"usage": {"digital_signature": False, "content_commitment": False, "key_encipherment": True}},
            Trust.WRONG_USAGE,
        ),
        (Purpose.SIGNING, {"eku": [ExtendedKeyUsageOID.SERVER_AUTH]}, Trust.WRONG_USAGE),
        (Purpose.SIGNING, {"eku": [ExtendedKeyUsageOID.EMAIL_PROTECTION]}, Trust.GOOD),
        (Purpose.SIGNING, {"tsa": True}, Trust.WRONG_USAGE),
        (Purpose.TIME_STAMPING, {"tsa": True}, Trust.GOOD),
        (Purpose.TIME_STAMPING, {}, Trust.WRONG_USAGE),
        (Purpose.TIME_STAMPING, {"eku": [ExtendedKeyUsageOID.TIME_STAMPING]}, Trust.WRONG_USAGE),
        (
            Purpose.TIME_STAMPING,
            {"eku": [ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING], "eku_critical": True},
            Trust.WRONG_USAGE,
        ),
        (Purpose.SIGNING, {"ca": True}, Trust.WRONG_USAGE),
    ],
)
def test_usage_must_fit_the_purpose(judged, kit, purpose, more, trust):
    top = kit.root()
    holder = top.issue("Holder", extras=(NO_REV_AVAIL,), **more)
    assert judged(kit.judge(top), holder, purpose).trust is trust


def test_a_signer_cannot_issue_and_path_length_is_kept(judged, kit):
    top = kit.root()
    signer = top.issue("Signer")
    below = signer.issue("Below", extras=(NO_REV_AVAIL,))
    assert judged(kit.judge(top), below, others=[signer.der]).trust is Trust.CHAIN_INVALID
    first = top.issue("First", ca=True, path_length=0)
    second = first.issue("Second", ca=True)
    deep = second.issue("Deep", extras=(NO_REV_AVAIL,))
    assert judged(kit.judge(top), deep, others=[first.der, second.der]).trust is Trust.CHAIN_INVALID


def test_name_constraints_of_an_issuer_hold(judged, kit):
    top = kit.root()
    only = x509.NameConstraints([x509.DirectoryName(kit.name("Somebody else"))], None)
    middle = top.issue("Middle", ca=True, extras=((only, True),))
    signer = middle.issue("Signer", extras=(NO_REV_AVAIL,))
    assert judged(kit.judge(top), signer, others=[middle.der], crls=[top.crl()]).trust is Trust.CHAIN_INVALID


def test_an_unknown_critical_extension_is_not_passed_over(judged, kit):
    top = kit.root()
    strange = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00"), True)
    signer = top.issue("Signer", extras=(strange, NO_REV_AVAIL))
    assert judged(kit.judge(top), signer).trust is Trust.CHAIN_INVALID


def signed_anew_with_sha1(holder, key):
    """The same certificate under a signature that cryptography itself no longer makes."""
    parsed = asn1_x509.Certificate.load(holder.der)
    tbs = parsed["tbs_certificate"]
    tbs["signature"] = {"algorithm": "sha1_rsa"}
    value = key.sign(tbs.dump(force=True), padding.PKCS1v15(), hashes.SHA1())
    whole = asn1_x509.Certificate(
        {"tbs_certificate": tbs, "signature_algorithm": {"algorithm": "sha1_rsa"}, "signature_value": value}
    )
    return SimpleNamespace(der=whole.dump(force=True))


def test_sha1_and_short_keys_in_the_chain_are_not_believed(judged, kit):
    key = rsa.generate_private_key(65537, 2048)
    top = kit.root(key=key)
    signer = signed_anew_with_sha1(top.issue("Signer", extras=(NO_REV_AVAIL,)), key)
    assert judged(kit.judge(top), signer).trust is Trust.CHAIN_INVALID
    assert judged(kit.judge(top, sha1_chains=True), signer).trust is Trust.GOOD
    short = kit.root("Short", key=rsa.generate_private_key(65537, 1024))
    assert judged(kit.judge(short), short.issue("Signer", extras=(NO_REV_AVAIL,))).trust is Trust.CHAIN_INVALID


def test_plain_numbers_are_trusted_below_the_anchors_that_say_so(judged, kit):
    top = kit.root()
    signer = top.issue("Signer", extras=(NO_REV_AVAIL,))
    digest = x509.load_der_x509_certificate(top.der).fingerprint(hashes.SHA256())
    judge = PathJudge({Purpose.SIGNING: TrustAnchors((top.der,), (), frozenset({digest}))}, None)
    assert judged(judge, signer).plain_number_trusted


def test_a_heap_of_namesakes_costs_a_bounded_number_of_attempts(judged, kit):
    top = kit.root()
    key = ec.generate_private_key(ec.SECP256R1())
    loop = kit.Holder(kit.root("Loop", key=key).cert, key)
    heap = [loop.issue("Loop", ca=True, key=key).der for _ in range(30)]
    signer = loop.issue("Signer")
    assert judged(kit.judge(top), signer, others=heap).trust is Trust.NO_PATH


@pytest.mark.parametrize("junk", [b"", b"\x30", b"\x30\x80" * 400, b"%PDF-1.7", b"\x30\x84\xff\xff\xff\xff"])
def test_nothing_in_the_input_raises(judged, kit, junk):
    top = kit.root()
    signer = top.issue("Signer")
    judge = kit.judge(top)
    verdict = judge.judge(junk, Purpose.SIGNING, at=kit.NOW, now=kit.NOW)
    assert verdict.trust is Trust.CHAIN_INVALID
    verdict = judged(judge, signer, others=[junk, junk], ocsp_responses=[junk], crls=[junk])
    assert verdict.trust is Trust.STATUS_UNKNOWN


def test_a_certificate_cut_short_or_changed_anywhere_never_raises_and_is_never_good(kit):
    top = kit.root()
    signer = top.issue("Signer", extras=(NO_REV_AVAIL,))
    judge = kit.judge(top)
    for position in range(0, len(signer.der), 7):
        changed = bytearray(signer.der)
        changed[position] ^= 0x41
        for der in (bytes(changed), signer.der[:position]):
            assert judge.judge(der, Purpose.SIGNING, at=kit.NOW, now=kit.NOW).trust is not Trust.GOOD


def test_names_chain_whatever_their_letters_and_blanks(judged, kit):
    """RFC 5280 § 7.1: the issuer's name is written in another case, with other blanks."""
    top = kit.root("Great  Root")
    written = kit.root("GREAT Root ", key=top.key)
    signer = written.issue("Signer")
    assert judged(kit.judge(top), signer, crls=[top.crl()]).path == (signer.der, top.der)
