"""How much a consumer has here, and that one more is refused where it would be too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.contents import ContentType
from gateway.domain.messages import MessageKey
from gateway.domain.parties import Consumer, ConsumerId, ConsumerLimits
from gateway.domain.requests import Outcome
from gateway.errors import ConfigurationError, InvalidRequest, RequestNotFound
from gateway.storage.sql import SqlConsumerDirectory

HOUR = timedelta(hours=1)


@pytest.fixture
def directory(database):
    return SqlConsumerDirectory(database)


@pytest.fixture
def consumer(directory):
    found = Consumer(ConsumerId("consumer"), "registru", "CN=CA", "0A", limits=ConsumerLimits(open_requests=3))
    directory.add(found)
    return found


def test_a_request_more_than_may_wait_is_refused_and_not_kept(requests, make_request):
    limits = ConsumerLimits(open_requests=2)
    for _ in range(2):
        requests.add(make_request(), limits)
    more = make_request()
    with pytest.raises(InvalidRequest, match="this system has 2 requests that wait to be signed"):
        requests.add(more, limits)
    with pytest.raises(RequestNotFound):
        requests.get(more.id)


def test_what_is_over_or_somebody_elses_does_not_count(requests, make_request, held, now):
    limits = ConsumerLimits(open_requests=1)
    requests.add(make_request(created=now - 2 * HOUR, expires=now - HOUR))
    requests.add(make_request(consumer_id="another"))
    _, session = held()
    assert requests.record_outcome(session.id, [], Outcome(MessageKey.CANCELLED, now), now)
    requests.add(make_request(), limits)
    with pytest.raises(InvalidRequest):
        requests.add(make_request(), limits)


def test_bytes_of_documents_count_until_their_request_is_forgotten(requests, make_request, now):
    """Two documents of 1000 and 1001 bytes each time."""
    limits = ConsumerLimits(stored_bytes=4002)
    first = make_request(content_type=ContentType.PDF, created=now - 40 * HOUR, expires=now - 39 * HOUR)
    requests.add(first, limits)
    requests.add(make_request(content_type=ContentType.PDF), limits)
    with pytest.raises(InvalidRequest, match="more than the 4002 bytes"):
        requests.add(make_request(1, content_type=ContentType.PDF), limits)
    with pytest.raises(InvalidRequest):
        requests.refuse_excess(first.consumer_id, now, limits, 1)
    requests.refuse_excess(first.consumer_id, now, limits, 0)
    requests.add(make_request(), limits)  # hashes keep no bytes
    requests.delete_created_before(now - HOUR, 10)
    requests.add(make_request(content_type=ContentType.PDF), limits)


def test_of_posts_at_once_no_more_are_kept_than_may_wait(requests, make_request, at_once, consumer):
    limits = ConsumerLimits(open_requests=3)
    found = at_once(*[lambda: requests.add(make_request(), limits) for _ in range(8)])
    assert [type(one) for one in found].count(InvalidRequest) == 5
    assert found.count(None) == 3


def test_limits_are_kept_with_the_consumer_and_can_be_replaced(directory, consumer):
    assert directory.find("CN=CA", "0A").limits == ConsumerLimits(open_requests=3)
    assert directory.limit("registru", ConsumerLimits(stored_bytes=10**12, request_bytes=0))
    assert directory.get(consumer.id).limits == ConsumerLimits(None, 10**12, 0)
    assert not directory.limit("nobody", ConsumerLimits())


def test_a_renewed_certificate_leaves_all_else_as_it_was(directory, consumer):
    assert directory.renew("registru", "CN=CA", "0B")
    assert directory.find("CN=CA", "0A") is None
    assert directory.find("CN=CA", "0B") == replace(consumer, serial="0B")
    assert not directory.renew("nobody", "CN=CA", "0C")


def test_a_certificate_that_somebody_has_is_not_given_to_another(directory, consumer):
    directory.add(Consumer(ConsumerId("2"), "alt", "CN=CA", "0B"))
    with pytest.raises(ConfigurationError, match="the certificate with serial 0B is registered for alt already"):
        directory.renew("registru", "CN=CA", "0B")
    assert directory.get(consumer.id) == consumer


def test_a_disabled_consumer_is_enabled_again(directory, consumer):
    directory.disable("registru")
    assert directory.enable("registru")
    assert directory.get(consumer.id).enabled
    assert not directory.enable("nobody")
