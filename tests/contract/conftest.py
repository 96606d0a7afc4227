"""A front door for the contract's tests; the stand-ins are those of tests/soap."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from gateway.domain.parties import Consumer, ConsumerId
from tests.soap.doors import Door, make_certificate

ROOT = Path(__file__).parents[2]


@pytest.fixture
def door(tmp_path):
    consumer = Consumer(ConsumerId("consumer-1"), "e-service", "CN=Test CA", "0A1B2C")
    return Door(tmp_path, consumer, make_certificate(0x0A1B2C))


@pytest.fixture(scope="session")
def xsd():
    return etree.parse(ROOT / "xsd" / "MSign.xsd").getroot()


@pytest.fixture(scope="session")
def schema(xsd):
    return etree.XMLSchema(xsd)
