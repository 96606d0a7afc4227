"""What is past its time is let go, what anybody still claims is kept, and two runs at once do no harm."""

from datetime import timedelta

import pytest

from gateway.errors import RequestNotFound
from gateway.operations.maintenance import Maintenance, MaintenanceReport

RETENTION = timedelta(days=30)


@pytest.fixture
def maintain(house):
    return Maintenance(house.requests, house.contents, RETENTION, house.clock)


def test_nothing_is_due_in_an_empty_house(maintain):
    assert maintain() == MaintenanceReport(0, 0, 0)


def test_a_request_is_kept_for_its_retention_and_not_longer(house, maintain):
    request_id = house.request(house.documents(b"%PDF"))
    house.clock.move(days=30)
    assert maintain() == MaintenanceReport(0, 0, 0)
    assert house.record(request_id)
    house.clock.move(microseconds=1)
    assert maintain() == MaintenanceReport(1, 1, 0)
    with pytest.raises(RequestNotFound):
        house.record(request_id)
    assert house.contents.bytes == {}


def test_what_was_signed_goes_with_its_request(house, maintain):
    request_id = house.request(house.documents(b"%PDF one", b"%PDF two"))
    house.visit(request_id)
    assert len(house.contents.bytes) == 4
    house.clock.move(days=31)
    assert maintain().contents_of_requests == 4
    assert house.contents.bytes == {}


def test_young_requests_stay_beside_old_ones(house, maintain):
    old = house.request(house.documents(b"%PDF old"))
    house.clock.move(days=20)
    young = house.request(house.documents(b"%PDF young"))
    house.clock.move(days=11)
    assert maintain() == MaintenanceReport(1, 1, 0)
    with pytest.raises(RequestNotFound):
        house.record(old)
    assert house.record(young)
    assert list(house.contents.bytes.values()) == [b"%PDF young"]


def test_how_a_request_ended_does_not_matter_to_its_retention(house, maintain):
    ended, pending = house.request(house.documents(b"%PDF a")), house.request(house.documents(b"%PDF b"))
    house.visit(ended)
    house.clock.move(days=29)
    maintain()
    assert house.record(ended)
    assert house.record(pending)


def test_all_that_is_due_goes_in_one_run(house, maintain):
    for _ in range(1201):
        house.request(house.documents(b"%PDF"))
    house.clock.move(days=31)
    assert maintain() == MaintenanceReport(1201, 1201, 0)
    assert house.requests.records == {}


def test_all_hash_requests_that_are_due_go_in_one_run(house, maintain):
    """Hashes have no stored content, so a round gives none back, and more rounds may be due."""
    for _ in range(1201):
        house.request(house.hashes(b"a"))
    house.clock.move(days=31)
    maintain()
    assert house.requests.records == {}


def test_a_content_that_nobody_claims_has_a_day(house, maintain):
    """It is written before its row: what is young may belong to a call under way."""
    house.contents.keep(b"orphan")
    house.clock.move(hours=24)
    assert maintain() == MaintenanceReport(0, 0, 0)
    house.clock.move(microseconds=1)
    assert maintain() == MaintenanceReport(0, 0, 1)
    assert house.contents.bytes == {}


def test_a_content_that_is_claimed_is_no_orphan_however_old(house, maintain):
    request_id = house.request(house.documents(b"%PDF one"))
    house.visit(request_id)
    house.clock.move(days=29)
    assert maintain() == MaintenanceReport(0, 0, 0)
    assert len(house.contents.bytes) == 2


def test_orphans_among_claimed_contents_are_told_apart(house, maintain):
    for number in range(700):
        house.request(house.documents(b"%PDF"))
        if number % 2:
            house.contents.keep(b"orphan")
    house.clock.move(days=2)
    assert maintain() == MaintenanceReport(0, 0, 350)
    assert set(house.contents.bytes.values()) == {b"%PDF"}
    assert len(house.contents.bytes) == 700


def test_what_a_cancelled_request_had_signed_is_an_orphan_after_a_day(house, maintain):
    house.authority.silent = {1}
    request_id = house.request(house.documents(b"%PDF one", b"%PDF two"))
    house.visit(request_id)
    house.signing.cancel(request_id, b"a")
    house.clock.move(hours=25)
    assert maintain() == MaintenanceReport(0, 0, 1)
    assert sorted(house.contents.bytes.values()) == [b"%PDF one", b"%PDF two"]


def test_a_second_run_finds_nothing_left(house, maintain):
    house.request(house.documents(b"%PDF"))
    house.contents.keep(b"orphan")
    house.clock.move(days=31)
    assert maintain() == MaintenanceReport(1, 1, 1)
    assert maintain() == MaintenanceReport(0, 0, 0)


def test_a_content_that_another_run_deleted_first_does_no_harm(house, maintain):
    house.request(house.documents(b"%PDF"))
    house.clock.move(days=31)
    house.contents.bytes.clear()
    assert maintain().contents_of_requests == 1
