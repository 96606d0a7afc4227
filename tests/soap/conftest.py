"""A front door to knock at."""

from __future__ import annotations

import secrets

import pytest

from gateway.domain.parties import Consumer, ConsumerId
from tests.soap.doors import Door, make_certificate


@pytest.fixture(scope="session")
def certificate():
    return make_certificate(0x0A1B2C)


@pytest.fixture
def consumer():
    return Consumer(ConsumerId("consumer-1"), "e-service", "CN=Test CA", "0A1B2C")


@pytest.fixture
def make_door(tmp_path, consumer, certificate):
    """A door with options of its own."""

    def make(**options):
        folder = tmp_path / secrets.token_hex(4)
        folder.mkdir()
        return Door(folder, consumer, certificate, **options)

    return make


@pytest.fixture
def door(make_door):
    return make_door()
