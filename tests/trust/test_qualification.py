"""What a signature is called follows from certificate, service and time, and is left open where they disagree."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from lxml import etree

from gateway.domain.verdicts import Trust
from gateway.trust.api import Purpose
from gateway.trust.list_parsing import read_list
from gateway.trust.listed import Criteria, ServiceIndex
from gateway.trust.qualification import certificate_facts, meets

COMPLIANT, DEVICE = "0.4.0.1862.1.1", "0.4.0.1862.1.4"
SIGNATURES, SEALS, WEB = "0.4.0.1862.1.6.1", "0.4.0.1862.1.6.2", "0.4.0.1862.1.6.3"
EUROPE = datetime(2016, 7, 1, tzinfo=UTC)


def sequence(*parts: bytes) -> bytes:
    body = b"".join(parts)
    return b"\x30" + bytes([len(body)]) + body


def oid(dotted: str) -> bytes:
    from asn1crypto import core

    return core.ObjectIdentifier(dotted).dump()


def statements(*plain: str, kinds: tuple[str, ...] = ()) -> tuple[x509.ExtensionType, bool]:
    found = [sequence(oid(one)) for one in plain]
    if kinds:
        found.append(sequence(oid("0.4.0.1862.1.6"), sequence(*map(oid, kinds))))
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"), sequence(*found)), False


FULL = statements(COMPLIANT, DEVICE, kinds=(SIGNATURES,))


@pytest.fixture
def ca(kit):
    return kit.root("Listed CA")


@pytest.fixture
def world(kit, tsl, ca):
    """A judge by the lists alone, about one listed authority."""

    class World:
        listed_since = kit.NOW - 900 * kit.DAY

        def judged(self, services, *marks, at=None, now=None, **more):
            body = tsl.trusted_list(services, issued=kit.NOW, following=kit.NOW + kit.DAY)
            index = ServiceIndex(read_list(etree.fromstring(body)).services)
            judge = kit.judge(kit.root("Nobody"), lists=lambda _now: index)
            signer = ca.issue("Signer", extras=marks, **more)
            return kit.judged(judge, signer, at=at or kit.NOW, now=now or kit.NOW, crls=[ca.crl()])

        def called(self, services, *marks, **more):
            verdict = self.judged(services, *marks, **more)
            assert verdict.trust is Trust.GOOD
            return verdict.qualification

        both = tsl.information("ForeSignatures") + tsl.information("ForeSeals")

        def granted(self, extensions="", *, kinds=both, since=listed_since, **more):
            return tsl.granted(ca, since, extensions=kinds + extensions, **more)

    return World()


def test_compliant_on_a_device_under_a_granted_service_is_qualified(world):
    assert world.called(world.granted(), FULL) == "QESig"
    assert world.called(world.granted(), statements(COMPLIANT, kinds=(SIGNATURES,))) == "AdESig-QC"
    assert world.called(world.granted(), statements(DEVICE, kinds=(SIGNATURES,))) == "AdESig"
    assert world.called(world.granted()) == "AdESig"


def test_a_compliant_certificate_without_a_type_is_for_signatures(world):
    assert world.called(world.granted(), statements(COMPLIANT, DEVICE)) == "QESig"


def test_seals_have_names_of_their_own_and_web_certificates_none(world):
    assert world.called(world.granted(), statements(COMPLIANT, DEVICE, kinds=(SEALS,))) == "QESeal"
    assert world.called(world.granted(), statements(COMPLIANT, kinds=(SEALS,))) == "AdESeal-QC"
    assert world.called(world.granted(), statements(COMPLIANT, kinds=(WEB,))) is None
    assert world.called(world.granted(), statements(COMPLIANT, kinds=(SIGNATURES, SEALS))) is None


def test_without_lists_or_a_listed_authority_nothing_is_determined(kit, ca):
    signer, evidence = ca.issue("Signer", extras=(FULL,)), {"crls": [ca.crl()]}
    assert kit.judged(kit.judge(ca), signer, **evidence).qualification is None
    unlisted = kit.judge(ca, lists=lambda _now: ServiceIndex(()))
    assert kit.judged(unlisted, signer, **evidence).qualification is None


def test_what_is_not_trusted_is_not_called_anything(kit, world, ca):
    verdict = world.judged(world.granted(), FULL, end=kit.NOW - kit.DAY)
    assert verdict.trust is Trust.EXPIRED
    assert verdict.qualification is None


def test_the_service_must_be_granted_when_the_certificate_was_issued_and_when_it_signed(kit, tsl, world, ca):
    late = world.granted(since=kit.NOW - 10 * kit.DAY)
    assert world.called(late, FULL) == "AdESig"  # issued a hundred days ago
    assert world.called(late, FULL, start=kit.NOW - 9 * kit.DAY) == "QESig"
    national = tsl.service(
        tsl.status("CA/QC", "recognisedatnationallevel", kit.NOW - 10 * kit.DAY, holders=[ca], extensions=world.both),
        tsl.status("CA/QC", "granted", world.listed_since, extensions=world.both),
    )
    assert world.called(national, FULL) == "AdESig"
    assert world.called(national, FULL, at=kit.NOW - 11 * kit.DAY) == "QESig"


@pytest.mark.parametrize("state", ["undersupervision", "supervisionincessation", "accredited"])
def test_statuses_from_before_eidas_count_as_granted(world, state):
    assert world.called(world.granted(state=state), FULL) == "QESig"


def test_another_type_of_service_qualifies_nobody(world):
    assert world.called(world.granted(kind="CA/PKC"), FULL) is None


def test_a_service_qualifies_the_kinds_that_it_is_for(world, tsl):
    seals, signatures = tsl.information("ForeSeals"), tsl.information("ForeSignatures")
    assert world.called(world.granted(kinds=seals), FULL) == "AdESig"
    assert world.called(world.granted(kinds=signatures), FULL) == "QESig"
    assert world.called(world.granted(kinds=""), FULL) == "AdESig"  # since eIDAS it must say so
    # Two entries for one authority: the one for seals says nothing about signatures.
    assert world.called(world.granted(kinds=seals) + world.granted(kinds=signatures), FULL) == "QESig"


def test_before_eidas_a_service_need_not_say_what_it_is_for(kit, tsl, world, ca):
    times = {"at": EUROPE - kit.DAY, "start": EUROPE - 100 * kit.DAY, "now": kit.NOW}
    old = tsl.granted(ca, EUROPE - 2000 * kit.DAY, state="undersupervision")
    assert world.called(old, FULL, **times) == "QESig"
    assert world.called(old, FULL, **{**times, "at": EUROPE + kit.DAY}) == "AdESig"


def test_qualifiers_say_what_certificates_do_not(world, tsl):
    def marked(*names):
        return world.granted(tsl.qualifiers(names, tsl.criteria("all", tsl.usage(nonRepudiation=True))))

    silent, plain = statements(COMPLIANT), ()
    assert world.called(marked("QCWithSSCD"), silent) == "QESig"
    assert world.called(marked("QCWithQSCD"), silent) == "QESig"
    assert world.called(marked("QCQSCDManagedOnBehalf"), silent) == "QESig"
    assert world.called(marked("QCNoQSCD"), FULL) == "AdESig-QC"
    assert world.called(marked("QCQSCDStatusAsInCert"), FULL) == "QESig"
    assert world.called(marked("QCStatement", "QCWithQSCD"), *plain) == "QESig"
    assert world.called(marked("NotQualified"), FULL) == "AdESig"
    assert world.called(marked("QCForESeal"), FULL) == "QESeal"
    assert world.called(marked("QCForLegalPerson"), FULL) == "QESig"


def test_qualifiers_that_contradict_each_other_leave_it_open(world, tsl):
    everybody = tsl.criteria("atLeastOne", tsl.usage(nonRepudiation=True), tsl.usage(digitalSignature=True))
    for names in (["QCWithQSCD", "QCNoQSCD"], ["QCForESig", "QCForESeal"], ["QCForWSA"]):
        assert world.called(world.granted(tsl.qualifiers(names, everybody)), FULL) is None


def test_two_entries_that_disagree_leave_it_open(world, tsl):
    everybody = tsl.criteria("all", tsl.usage(nonRepudiation=True))
    contrary = world.granted() + world.granted(tsl.qualifiers(["QCNoQSCD"], everybody))
    assert world.called(contrary, FULL) is None


def test_qualifiers_hold_for_the_certificates_that_meet_their_criteria(world, tsl):
    never = tsl.qualifiers(["NotQualified"], tsl.criteria("all", tsl.usage(keyCertSign=True)))
    policy = tsl.qualifiers(["NotQualified"], tsl.criteria("all", tsl.policies("urn:oid:1.2.3.4")))
    assert world.called(world.granted(never), FULL) == "QESig"
    named = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)])
    assert world.called(world.granted(policy), FULL) == "QESig"
    assert world.called(world.granted(policy), FULL, (named, False)) == "AdESig"


def test_criteria_or_critical_extensions_that_nobody_understands_leave_it_open(world, tsl):
    strange = tsl.qualifiers(
        ["QCWithQSCD"], '<sie:CriteriaList assert="all"><sie:Mood>good</sie:Mood></sie:CriteriaList>'
    )
    assert world.called(world.granted(strange), FULL) is None
    unknown = "<Unheard>of</Unheard>"
    assert world.called(world.granted(tsl.extension(unknown)), FULL) is None
    assert world.called(world.granted(tsl.extension(unknown, critical=False)), FULL) == "QESig"


def test_the_nearest_listed_authority_speaks(kit, tsl, ca):
    middle = ca.issue("Middle", ca=True, start=kit.NOW - 500 * kit.DAY, end=kit.NOW + 500 * kit.DAY)
    nobody = tsl.qualifiers(["NotQualified"], tsl.criteria("all", tsl.usage(nonRepudiation=True)))
    since = kit.NOW - 900 * kit.DAY
    kinds = tsl.information("ForeSignatures")
    body = tsl.granted(ca, since, extensions=kinds + nobody) + tsl.granted(middle, since, extensions=kinds)
    listed = tsl.trusted_list(body, issued=kit.NOW, following=None)
    index = ServiceIndex(read_list(etree.fromstring(listed)).services)
    signer = middle.issue("Signer", extras=(FULL,))
    judge = kit.judge(ca, lists=lambda _now: index)
    verdict = kit.judged(judge, signer, others=[middle.der], crls=[ca.crl(), middle.crl()])
    assert verdict.qualification == "QESig"


def test_before_eidas_policies_say_what_statements_say_since(kit):
    def facts(start, policy):
        named = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(policy), None)])
        return certificate_facts(kit.root().issue("Signer", start=start, extras=((named, False),)).der)

    plus, public = "0.4.0.1456.1.1", "0.4.0.1456.1.2"
    old, new = EUROPE - kit.DAY, EUROPE + kit.DAY
    assert (facts(old, plus).compliant, facts(old, plus).device) == (True, True)
    assert (facts(old, public).compliant, facts(old, public).device) == (True, False)
    assert (facts(new, plus).compliant, facts(new, plus).device) == (False, False)


def test_an_unreadable_statement_qualifies_nothing_and_breaks_nothing(world):
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3"), b"\x30\x05\x30\x03\x06\x01")
    assert world.called(world.granted(), (broken, False)) is None


def test_time_stamps_are_not_called_signatures(kit, ca, tsl):
    tsa = ca.issue("TSA", tsa=True)
    body = tsl.trusted_list(tsl.granted(ca, kit.NOW - 900 * kit.DAY), issued=kit.NOW, following=None)
    index = ServiceIndex(read_list(etree.fromstring(body)).services)
    verdict = kit.judged(
        kit.judge(kit.root("Nobody"), lists=lambda _now: index), tsa, Purpose.TIME_STAMPING, crls=[ca.crl()]
    )
    assert verdict.trust is Trust.GOOD
    assert verdict.qualification is None


def test_criteria_combine_as_they_say(kit):
    facts = certificate_facts(kit.root().issue("Signer").der)
    yes = (("nonRepudiation", True),)
    no = (("keyCertSign", True),)
    assert meets(facts, Criteria("all", usages=(yes, no))) is False
    assert meets(facts, Criteria("atLeastOne", usages=(yes, no))) is True
    assert meets(facts, Criteria("none", usages=(no,))) is True
    assert meets(facts, Criteria("none", usages=(yes,))) is False
    assert meets(facts, Criteria("all", attributes=(("2.5.4.3", "2.5.4.6"),))) is True
    assert meets(facts, Criteria("all", attributes=(("2.5.4.97",),))) is False
    assert meets(facts, Criteria("all", purposes=(("1.3.6.1.5.5.7.3.36",),))) is False
    assert meets(facts, Criteria("all", inner=(Criteria("all", unreadable=True),))) is None


def test_a_certificate_issued_for_seals_is_not_for_signatures_since(kit, tsl, world, ca):
    seals = tsl.qualifiers(["QCForESeal"], tsl.criteria("all", tsl.usage(nonRepudiation=True)))
    changed = tsl.service(
        tsl.status("CA/QC", "granted", kit.NOW - 10 * kit.DAY, holders=[ca], extensions=world.both),
        tsl.status("CA/QC", "granted", world.listed_since, extensions=world.both + seals),
    )
    assert world.called(changed, FULL) == "AdESig"
    assert world.called(changed, FULL, at=kit.NOW - 11 * kit.DAY) == "QESeal"
