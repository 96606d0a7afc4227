"""Trusted lists are believed when their pinned signers signed them whole, and the last good one outlives bad days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from asn1crypto import x509 as asn1
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from pyhanko.sign.validation.qualified.eutl_parse import trust_list_to_registry

from gateway.domain.verdicts import Trust
from gateway.errors import ConfigurationError
from gateway.trust.api import Purpose
from gateway.trust.list_parsing import read_list
from gateway.trust.list_signature import LIST_LIMIT, ListRefused, signed_list
from gateway.trust.list_store import ListStore
from gateway.trust.listed import ListedService, ServiceIndex, ServicePeriod
from gateway.trust.lists import FolderOfLists, ListReader, ListRefresher, ListSource, pinned_sources


@pytest.fixture
def operator(kit):
    return kit.root("Scheme operator")


@pytest.fixture
def ca(kit):
    return kit.root("Listed CA")


def plain(tsl, kit, services="", **more):
    given = {"issued": kit.NOW - kit.DAY, "following": kit.NOW + 30 * kit.DAY, **more}
    return tsl.trusted_list(services, **given)


# ------------------------------------------------------------------ whose signature counts


@pytest.mark.parametrize("version", [5, 6])
@pytest.mark.parametrize("xades", [True, False])
def test_a_list_is_read_when_a_pinned_signer_signed_it(kit, tsl, operator, ca, version, xades):
    data = tsl.signed(plain(tsl, kit, tsl.granted(ca, kit.NOW), version=version), operator, xades=xades)
    listed = read_list(signed_list(data, [kit.root().der, operator.der], kit.NOW))
    assert (listed.territory, listed.sequence, listed.next_update) == ("MD", 1, kit.NOW + 30 * kit.DAY)
    assert [s.certificates for s in listed.services] == [(ca.der,)]


def test_the_certificate_that_the_list_brings_along_counts_for_nothing(kit, tsl, operator):
    data = tsl.signed(plain(tsl, kit), kit.root("Scheme operator"))
    with pytest.raises(ListRefused, match="does not hold"):
        signed_list(data, [operator.der], kit.NOW)
    with pytest.raises(ListRefused, match="no certificate"):
        signed_list(data, [], kit.NOW)


def test_an_unsigned_and_a_changed_list_are_refused(kit, tsl, operator):
    data = plain(tsl, kit)
    signed = tsl.signed(data, operator)
    for bad in (data, signed.replace(b">MD<", b">XX<"), signed[:-40]):
        with pytest.raises(ListRefused):
            signed_list(bad, [operator.der], kit.NOW)


def test_a_signer_out_of_its_dates_is_refused(kit, tsl):
    old = kit.root("Old operator", start=kit.NOW - 4000 * kit.DAY)
    with pytest.raises(ListRefused, match="dates"):
        signed_list(tsl.signed(plain(tsl, kit), old), [old.der], kit.NOW)


def test_a_list_wrapped_around_a_signed_one_is_refused(kit, tsl, operator, ca):
    """The signature holds over what it covers; what it covers is not the list that would be read."""
    good = etree.fromstring(tsl.signed(plain(tsl, kit), operator, reference="list"))
    signature = good.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    evil = etree.fromstring(plain(tsl, kit, tsl.granted(ca, kit.NOW)).replace(b'Id="list"', b'Id="evil"'))
    evil.append(signature)
    evil.append(good)
    with pytest.raises(ListRefused):
        signed_list(etree.tostring(evil), [operator.der], kit.NOW)
    # Signed in part: only the scheme's particulars, and providers are added beside them.
    part = plain(tsl, kit).replace(b"<SchemeInformation>", b'<SchemeInformation Id="part">')
    partly = tsl.signed(part, operator, reference="part", xades=False)
    with pytest.raises(ListRefused):
        signed_list(partly, [operator.der], kit.NOW)


def test_a_nested_signature_is_not_the_lists_own(kit, tsl, operator):
    root = etree.fromstring(tsl.signed(plain(tsl, kit), operator))
    signature = root.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    root[0].append(signature)
    with pytest.raises(ListRefused):
        signed_list(etree.tostring(root), [operator.der], kit.NOW)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"<html/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"/>',
        b"<a>" * 100_000,
        b"\x00\xff",
    ],
)
def test_what_is_no_list_is_refused_and_never_raises_anything_else(kit, operator, junk):
    with pytest.raises(ListRefused):
        signed_list(junk, [operator.der], kit.NOW)


def test_a_list_beyond_the_limit_is_not_parsed(kit, operator):
    with pytest.raises(ListRefused, match="large"):
        signed_list(b" " * (LIST_LIMIT + 1), [operator.der], kit.NOW)


def test_another_version_is_refused(kit, tsl, operator):
    data = tsl.signed(plain(tsl, kit, version=4), operator)
    with pytest.raises(ListRefused, match="version"):
        read_list(signed_list(data, [operator.der], kit.NOW))


# ------------------------------------------------------------------ what a list says


def test_a_services_life_is_read_from_the_present_back(kit, tsl, ca):
    start = kit.NOW - 900 * kit.DAY
    body = tsl.service(
        tsl.status("CA/QC", "withdrawn", kit.NOW - 10 * kit.DAY, holders=[ca]),
        tsl.status("CA/QC", "undersupervision", start),
        tsl.status("CA/QC", "granted", kit.NOW - 500 * kit.DAY, extensions=tsl.information("ForeSignatures")),
    )
    (service,) = read_list(etree.fromstring(plain(tsl, kit, body))).services
    assert [p.status for p in service.periods] == ["withdrawn", "granted", "undersupervision"]
    assert service.at(start - kit.DAY) is None
    assert service.at(start).status == "undersupervision"
    assert service.at(kit.NOW - 10 * kit.DAY - timedelta(seconds=1)).status == "granted"
    assert service.at(kit.NOW - 10 * kit.DAY).status == "withdrawn"
    assert service.periods[1].kinds == {"ForeSignatures"}
    index = ServiceIndex([service])
    assert index.anchors(Purpose.SIGNING) == {
        ca.der: ((kit.NOW - 500 * kit.DAY, kit.NOW - 10 * kit.DAY), (start, kit.NOW - 500 * kit.DAY))
    }


def test_a_service_that_cannot_be_read_does_not_cost_the_others(kit, tsl, ca):
    broken = tsl.granted(kit.root("Other"), kit.NOW).replace("granted", "").replace("StatusStartingTime", "When")
    found = read_list(etree.fromstring(plain(tsl, kit, broken + tsl.granted(ca, kit.NOW)))).services
    assert [s.certificates for s in found] == [(ca.der,)]


def test_time_stamping_services_are_no_anchors_for_signers(kit, tsl, ca):
    tsa = kit.root("Listed TSA")
    body = tsl.granted(ca, kit.NOW) + tsl.granted(tsa, kit.NOW, "TSA/QTST") + tsl.granted(kit.root(), kit.NOW, "EDS/Q")
    index = ServiceIndex(read_list(etree.fromstring(plain(tsl, kit, body))).services)
    assert set(index.anchors(Purpose.SIGNING)) == {ca.der}
    assert set(index.anchors(Purpose.TIME_STAMPING)) == {ca.der, tsa.der}


def test_pyhanko_reads_the_same_authorities_from_the_same_list(kit, tsl, operator, ca):
    tsa = kit.root("Listed TSA")
    data = tsl.signed(plain(tsl, kit, tsl.granted(ca, kit.NOW) + tsl.granted(tsa, kit.NOW, "TSA/QTST")), operator)
    registry, errors = trust_list_to_registry(data.decode(), [asn1.Certificate.load(operator.der)])
    assert not errors
    theirs = {a.certificate.dump() for a in registry.known_certificate_authorities}
    stamping = {a.certificate.dump() for a in registry.known_timestamp_authorities}
    ours = ServiceIndex(read_list(signed_list(data, [operator.der], kit.NOW)).services)
    assert theirs == set(ours.anchors(Purpose.SIGNING))
    assert theirs | stamping == set(ours.anchors(Purpose.TIME_STAMPING))


# ------------------------------------------------------------------ kept up to date


class Web:
    """Addresses and what they answer; None does not answer."""

    def __init__(self):
        self.pages = {}
        self.asked = []

    def get(self, url, **_limits):
        from gateway.trust.addresses import FetchFailed

        self.asked.append(url)
        if self.pages.get(url) is None:
            raise FetchFailed("no answer")
        return self.pages[url]


LOTL, NATIONAL, OTHER = "http://lists.example/lotl.xml", "http://lists.example/ro.xml", "http://lists.example/md.xml"


class World:
    """A list of lists, one national list that it names, one that it does not."""

    def __init__(self, kit, tsl, folder):
        self.kit, self.tsl = kit, tsl
        self.lotl_operator, self.operator, self.own_operator = (kit.root(n) for n in ("LOTL", "RO", "MD"))
        self.ca, self.own_ca = kit.root("Romanian CA"), kit.root("Moldovan CA")
        self.web = Web()
        self.store = ListStore(folder / "kept")
        self.sources = [
            ListSource(LOTL, (self.lotl_operator.der,), points=True),
            ListSource(OTHER, (self.own_operator.der,)),
        ]
        self.publish()

    def publish(self, sequence=1, *, issued=None, following=None, pointers=None, services=None):
        kit, tsl = self.kit, self.tsl
        dates = {"issued": issued or kit.NOW - kit.DAY, "following": following or kit.NOW + 90 * kit.DAY}
        named = tsl.pointer(NATIONAL, "RO", [self.operator]) if pointers is None else pointers
        lotl = tsl.trusted_list(pointers=named, territory="EU", kind="EUlistofthelists", sequence=sequence, **dates)
        listed = tsl.granted(self.ca, kit.NOW - 300 * kit.DAY) if services is None else services
        national = tsl.trusted_list(listed, territory="RO", sequence=sequence, **dates)
        own = tsl.trusted_list(tsl.granted(self.own_ca, kit.NOW - 300 * kit.DAY), sequence=sequence, **dates)
        self.web.pages = {
            LOTL: tsl.signed(lotl, self.lotl_operator),
            NATIONAL: tsl.signed(national, self.operator),
            OTHER: tsl.signed(own, self.own_operator),
        }

    def refresh(self, now=None, **more):
        return ListRefresher(self.store, self.sources, self.web, **more)(now or self.kit.NOW)

    def anchors(self, now=None, **more):
        index = ListReader(self.store, self.sources, **more).index(now or self.kit.NOW)
        return set(index.anchors(Purpose.SIGNING))


@pytest.fixture
def world(kit, tsl, tmp_path):
    return World(kit, tsl, tmp_path)


def test_pointers_of_the_list_of_lists_are_followed_and_pinned_lists_stand_beside(world):
    report = world.refresh()
    assert (report.renewed, report.unchanged, report.failures, report.services) == (3, 0, (), 2)
    assert world.anchors() == {world.ca.der, world.own_ca.der}


def test_nothing_is_fetched_again_before_it_is_due(world, kit):
    world.refresh()
    world.web.asked.clear()
    assert world.refresh(kit.NOW + kit.HOUR).unchanged == 3
    assert world.web.asked == []
    world.refresh(kit.NOW + 7 * kit.HOUR)
    assert set(world.web.asked) == {LOTL, NATIONAL, OTHER}


def test_a_national_list_must_be_signed_by_those_the_list_of_lists_names(world, tsl):
    world.publish(pointers=tsl.pointer(NATIONAL, "RO", [world.own_operator]))
    report = world.refresh()
    assert [url for url, _ in report.failures] == [NATIONAL]
    assert world.anchors() == {world.own_ca.der}


def test_what_a_national_list_points_at_is_not_followed(world, tsl, kit):
    deeper = "http://lists.example/deeper.xml"
    own = tsl.trusted_list(
        pointers=tsl.pointer(deeper, "XX", [world.operator]), issued=kit.NOW - kit.DAY, following=kit.NOW + kit.DAY
    )
    world.web.pages[OTHER] = tsl.signed(own, world.own_operator)
    world.refresh()
    assert deeper not in world.web.asked


def test_lists_of_lists_and_lists_for_people_are_not_followed_either(world, tsl):
    pointers = (
        tsl.pointer(LOTL + "?self", "EU", [world.lotl_operator], kind="EUlistofthelists")
        + tsl.pointer(NATIONAL + ".pdf", "RO", [world.operator], mime="application/pdf")
        + tsl.pointer(NATIONAL, "RO", [world.operator])
    )
    world.publish(pointers=pointers)
    world.refresh()
    assert world.web.asked == [LOTL, OTHER, NATIONAL]


def test_a_heap_of_pointers_is_followed_so_far_only(world, tsl):
    many = "".join(tsl.pointer(f"http://lists.example/{n}.xml", "XX", [world.operator]) for n in range(250))
    world.publish(pointers=many)
    world.refresh()
    assert len(world.web.asked) <= 100


def test_territories_may_be_chosen(world):
    world.refresh(territories=["EE"])
    assert world.anchors() == {world.own_ca.der}


def test_the_last_good_list_is_used_while_refreshing_fails_until_it_is_too_old(world, kit):
    world.refresh()
    world.web.pages = {}
    later = kit.NOW + 10 * kit.DAY
    report = world.refresh(later)
    assert {url for url, _ in report.failures} == {LOTL, NATIONAL, OTHER}
    assert world.anchors(later) == {world.ca.der, world.own_ca.der}
    assert world.anchors(kit.NOW + 15 * kit.DAY) == set()
    assert world.anchors(kit.NOW + 15 * kit.DAY, max_age=20 * kit.DAY) == {world.ca.der, world.own_ca.der}


def test_a_broken_or_older_list_does_not_replace_a_good_one(world, kit):
    world.publish(sequence=5)
    world.refresh()
    good = dict(world.web.pages)
    later = kit.NOW + kit.DAY
    world.publish(sequence=4, services=world.tsl.granted(kit.root("Rolled back"), kit.NOW))
    assert len(world.refresh(later).failures) == 3
    world.web.pages = {url: page.replace(b"Operator", b"Imposter") for url, page in good.items()}
    assert len(world.refresh(later).failures) == 3
    assert world.anchors(later) == {world.ca.der, world.own_ca.der}


def test_an_old_list_served_again_and_again_grows_old(world, kit):
    """Its own nextUpdate has passed: fetching it confirms nothing."""
    world.publish(following=kit.NOW + kit.DAY)
    world.refresh()
    later = kit.NOW + 16 * kit.DAY
    assert world.refresh(later).failures == ()
    assert world.anchors(kit.NOW + 14 * kit.DAY) == {world.ca.der, world.own_ca.der}
    assert world.anchors(later) == set()


def test_a_list_of_the_future_is_refused(world, kit):
    world.publish(issued=kit.NOW + kit.DAY)
    assert len(world.refresh().failures) == 2


def test_a_list_that_is_no_longer_named_is_no_longer_used(world, kit):
    world.refresh()
    world.publish(sequence=2, pointers=world.tsl.pointer(NATIONAL + "x", "EE", [world.operator]))
    world.refresh(kit.NOW + kit.DAY)
    assert world.anchors(kit.NOW + kit.DAY) == {world.own_ca.der}


def test_readers_see_what_was_renewed_without_starting_anew(world, kit):
    reader = ListReader(world.store, world.sources, look_every=timedelta(minutes=1))
    assert reader.index(kit.NOW).anchors(Purpose.SIGNING) == {}
    world.refresh()
    first = reader.index(kit.NOW + timedelta(minutes=2))
    assert set(first.anchors(Purpose.SIGNING)) == {world.ca.der, world.own_ca.der}
    assert reader.index(kit.NOW + timedelta(minutes=4)) is first


def test_what_is_kept_is_read_back_as_it_was(world, tmp_path):
    tsl = world.tsl
    marks = tsl.qualifiers(
        ["QCWithQSCD"],
        tsl.criteria("all", tsl.usage(nonRepudiation=True), tsl.criteria("none", tsl.policies("1.2.3"))),
    )
    world.publish(services=tsl.granted(world.ca, world.kit.NOW, extensions=marks + tsl.information("ForeSeals")))
    world.refresh()
    kept = world.store.load()
    other = ListStore(tmp_path / "other")
    other.save(list(kept.values()))
    assert other.load() == kept
    assert kept[NATIONAL].trusted_list.services[0].periods[0].qualifiers[0].criteria.inner[0].combine == "none"


@pytest.mark.parametrize("content", [b"", b"junk", b"[]", b'{"form": 1, "lists": [{}]}', b'{"form": 2, "lists": []}'])
def test_a_kept_file_that_cannot_be_read_is_no_list(world, content):
    world.store.folder.mkdir()
    (world.store.folder / "trusted-lists.json").write_bytes(content)
    assert world.store.load() == {}
    assert world.anchors() == set()


def test_lists_may_come_from_a_folder(world, tmp_path, kit):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for url, page in world.web.pages.items():
        (mirror / url.rpartition("/")[2]).write_bytes(page)
    report = ListRefresher(world.store, world.sources, FolderOfLists(mirror))(kit.NOW)
    assert (report.renewed, report.failures) == (3, ())


def test_sources_are_pinned_outright(tmp_path, operator):
    (tmp_path / "operator.pem").write_bytes(operator.cert.public_bytes(Encoding.PEM))
    (source,) = pinned_sources([("lists", LOTL, tmp_path, True), ("national_list", None, None, False)])
    assert source == ListSource(LOTL, (operator.der,), points=True)
    with pytest.raises(ConfigurationError, match="lists_signers"):
        pinned_sources([("lists", LOTL, None, True)])


# ------------------------------------------------------------------ listed authorities judge


def judging(kit, folder_anchors, services, **more):
    index = ServiceIndex(services)
    return kit.judge(*folder_anchors, lists=lambda _now: index, **more)


def period(kind="CA/QC", status="granted", since=None, until=None):
    return ServicePeriod(kind, status, since, until)


def test_a_listed_authority_is_an_anchor_while_it_is_granted(kit, ca):
    signer = ca.issue("Signer")
    ended = kit.NOW - 10 * kit.DAY
    life = (period(status="withdrawn", since=ended), period(since=kit.NOW - 500 * kit.DAY, until=ended))
    judge = judging(kit, [kit.root()], [ListedService((ca.der,), life)])
    evidence = {"crls": [ca.crl()]}
    assert kit.judged(judge, signer, at=ended - kit.DAY, **evidence).trust is Trust.GOOD
    verdict = kit.judged(judge, signer, **evidence)
    assert verdict.trust is Trust.NO_PATH
    assert "trusted list" in verdict.detail
    assert verdict.qualification is None


def test_a_folders_own_anchor_is_not_bound_by_a_list(kit, ca):
    withdrawn = ListedService((ca.der,), (period(status="withdrawn", since=kit.NOW - 10 * kit.DAY),))
    judge = judging(kit, [ca], [withdrawn])
    assert kit.judged(judge, ca.issue("Signer"), crls=[ca.crl()]).trust is Trust.GOOD


def test_a_withdrawn_authority_still_stands_below_another_anchor(kit):
    top = kit.root()
    middle = top.issue("Middle", ca=True)
    life = (
        period(status="withdrawn", since=kit.NOW - 10 * kit.DAY),
        period(since=kit.NOW - 50 * kit.DAY, until=kit.NOW - 10 * kit.DAY),
    )
    judge = judging(kit, [top], [ListedService((middle.der,), life)])
    signer = middle.issue("Signer")
    evidence = {"others": [middle.der], "crls": [top.crl(), middle.crl()]}
    assert len(kit.judged(judge, signer, at=kit.NOW - 20 * kit.DAY, **evidence).path) == 2
    assert len(kit.judged(judge, signer, **evidence).path) == 3


def test_a_listed_time_stamping_unit_is_trusted_itself(kit, ca):
    tsa = ca.issue("TSA", tsa=True)
    judge = judging(kit, [kit.root()], [ListedService((tsa.der,), (period("TSA/QTST", since=kit.NOW - 9 * kit.DAY),))])
    assert kit.judged(judge, tsa, Purpose.TIME_STAMPING).trust is Trust.GOOD
    assert kit.judged(judge, tsa, Purpose.TIME_STAMPING, at=kit.NOW - 10 * kit.DAY).trust is Trust.NO_PATH
    assert kit.judged(judge, ca.issue("Signer"), Purpose.SIGNING).trust is Trust.NO_PATH


def test_the_judge_follows_lists_as_they_change(kit, ca):
    indexes = [ServiceIndex(()), ServiceIndex([ListedService((ca.der,), (period(since=kit.NOW - kit.DAY),))])]
    judge = kit.judge(kit.root(), lists=lambda _now: indexes[0])
    signer, evidence = ca.issue("Signer"), {"crls": [ca.crl()]}
    assert kit.judged(judge, signer, **evidence).trust is Trust.NO_PATH
    indexes.pop(0)
    assert kit.judged(judge, signer, **evidence).trust is Trust.GOOD
    indexes[0] = ServiceIndex([replace(ListedService((kit.root().der,), (period(since=kit.NOW),)))])
    assert kit.judged(judge, signer, **evidence).trust is Trust.NO_PATH


def test_a_byte_changed_anywhere_never_changes_what_is_read(kit, tsl, operator, ca):
    """Either the list is refused, or the byte was in what the signature does not cover, and changes nothing."""
    data = tsl.signed(plain(tsl, kit, tsl.granted(ca, kit.NOW)), operator)
    good = read_list(signed_list(data, [operator.der], kit.NOW))
    for position in range(0, len(data), 29):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        try:
            found = read_list(signed_list(changed, [operator.der], kit.NOW))
        except ListRefused:
            continue
        assert found == good


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.replace(b"<TSLSequenceNumber>1<", b"<TSLSequenceNumber>one<"),
        lambda data: data.replace(b"<SchemeTerritory>MD</SchemeTerritory>", b""),
        lambda data: data.replace(b"<ListIssueDateTime>2", b"<ListIssueDateTime>yesterday 2"),
        lambda data: data.replace(b"<dateTime>2", b"<dateTime>99999"),
        lambda data: data.replace(b"SchemeInformation", b"Other"),
    ],
)
def test_a_signed_list_that_says_nothing_readable_is_refused_too(kit, tsl, operator, spoil):
    data = tsl.signed(spoil(plain(tsl, kit)), operator)
    with pytest.raises(ListRefused):
        read_list(signed_list(data, [operator.der], kit.NOW))


def test_criteria_nested_without_end_cost_the_service_alone(kit, tsl, ca):
    deep = tsl.usage(nonRepudiation=True)
    for _ in range(30):
        deep = tsl.criteria("all", deep)
    body = tsl.granted(kit.root("Deep"), kit.NOW, extensions=tsl.qualifiers(["QCWithQSCD"], deep))
    found = read_list(etree.fromstring(plain(tsl, kit, body + tsl.granted(ca, kit.NOW)))).services
    assert [s.certificates for s in found] == [(ca.der,)]
