"""Consumers are found by their certificate, and no two share a certificate, a name or an id."""

from dataclasses import replace

import pytest

from gateway.domain.appearance import Picture, VisibleSignature
from gateway.domain.parties import Consumer, ConsumerId
from gateway.errors import ConfigurationError
from gateway.storage.sql import SqlConsumerDirectory

ISSUER = "CN=Autoritate de Încercare,O=ŞI\\, S.R.L.,C=MD"


@pytest.fixture
def directory(database):
    return SqlConsumerDirectory(database)


@pytest.fixture
def consumer():
    return Consumer(
        ConsumerId("1"),
        "registru",
        ISSUER,
        "0A1B",
        return_origins=("https://a.md", "http://localhost"),
        addresses=("10.0.0.0/8",),
    )


def test_an_appearance_is_kept_beside_its_consumer(directory, consumer):
    """As it was given, with its picture; replaced as a whole, and let go of again."""
    directory.add(consumer)
    assert directory.appearance(consumer.id) is None
    first = VisibleSignature(
        2, 1.5, 2, 100, 50, text="Semnat: {signer} ș", picture=Picture(1, 2, 3, True, b"\xff\0", b"m")
    )
    for appearance in (first, VisibleSignature(field="Câmp"), None):
        assert directory.show("registru", appearance) is True
        assert directory.appearance(consumer.id) == appearance
    assert directory.show("nobody", first) is False
    assert directory.appearance(ConsumerId("2")) is None


def test_a_consumer_is_found_as_it_was_added(directory, consumer):
    directory.add(consumer)
    assert directory.find(ISSUER, "0A1B") == directory.get(consumer.id) == consumer
    assert list(directory.all()) == [consumer]


@pytest.mark.parametrize(
    ("issuer", "serial"), [(ISSUER, "0a1b"), (ISSUER.lower(), "0A1B"), (ISSUER, ""), ("\0", "\ud800")]
)
def test_another_certificate_finds_nobody(directory, consumer, issuer, serial):
    directory.add(consumer)
    assert directory.find(issuer, serial) is None
    assert directory.get(ConsumerId("2")) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "2", "name": "other"}, "certificate with serial 0A1B is registered for registru"),
        ({"id": "2", "serial": "0C"}, "registru: the name is taken"),
        ({"name": "other", "serial": "0C"}, "other: the id is taken"),
    ],
)
def test_what_is_taken_is_said(directory, consumer, changes, said):
    directory.add(consumer)
    with pytest.raises(ConfigurationError, match=said):
        directory.add(replace(consumer, **changes))
    assert list(directory.all()) == [consumer]


def test_a_serial_of_another_issuer_is_another_certificate(directory, consumer):
    other = replace(consumer, id=ConsumerId("2"), name="other", issuer="CN=Other")
    directory.add(consumer)
    directory.add(other)
    assert directory.find("CN=Other", "0A1B") == other


def test_of_those_added_at_once_one_is_registered(directory, consumer, at_once):
    added = at_once(*(lambda i=i: directory.add(replace(consumer, id=ConsumerId(str(i)))) for i in range(6)))
    assert added.count(None) == 1
    assert all(isinstance(error, ConfigurationError) for error in added if error is not None), added
    assert len(directory.all()) == 1


def test_all_are_given_by_name(directory, consumer):
    for i, name in enumerate(["Zeta", "alfa", "Beta", "ăsta"]):
        directory.add(replace(consumer, id=ConsumerId(str(i)), name=name, serial=str(i)))
    assert [c.name for c in directory.all()] == ["alfa", "Beta", "Zeta", "ăsta"]


def test_a_disabled_consumer_is_still_found(directory, consumer):
    directory.add(consumer)
    assert directory.disable("registru") is True
    assert directory.find(ISSUER, "0A1B") == replace(consumer, enabled=False)
    assert directory.disable("registru") is True
    assert directory.disable("nobody") is False
