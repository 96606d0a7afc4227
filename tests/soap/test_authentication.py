"""The caller is known by its certificate and address, before anything of the body is read."""

import pytest

from gateway.domain.parties import Consumer, ConsumerId
from gateway.soap.limits import SoapLimits
from tests.soap.doors import make_certificate
from tests.soap.messages import ACTION, get_message, post_message


class Unread:
    """A body nobody may look at until the answer is settled; counts what is drained afterwards."""

    def __init__(self, size):
        self.left = size
        self.drained = 0

    def read(self, size):
        piece = b"<" * min(size, self.left)
        self.left -= len(piece)
        self.drained += len(piece)
        return piece


def test_a_missing_certificate_has_the_documented_fault(door):
    answer = door.call(post_message(), certificate=None)
    assert (answer.outcome, answer.reason) == (
        "500 AuthenticationFailed",
        "Invalid authentication certificate provided",
    )
    assert not door.operations.posted


def test_an_unreadable_certificate_is_as_none(door):
    answer = door.call(post_message(), certificate=b"\x30\x82garbage")
    assert answer.reason == "Invalid authentication certificate provided"


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("PostSignRequest", "Unknown service consumer: 0ABC"),
        ("VerifySignatures", "Unknown service consumer: 0ABC"),
        ("GetSignResponse", "Unknown or unregistered system: 0ABC"),
        ("Other", "Unknown service consumer: 0ABC"),
    ],
)
def test_an_unknown_consumer_is_told_its_serial_in_the_words_of_the_operation(door, operation, text):
    answer = door.call(post_message(), certificate=make_certificate(0xABC), action=f'"{ACTION}{operation}"')
    assert (answer.outcome, answer.reason) == ("500 AuthenticationFailed", text)


def test_the_same_serial_of_another_issuer_is_another_consumer(door):
    answer = door.call(post_message(), certificate=make_certificate(0x0A1B2C, issuer="Other CA"))
    assert answer.code == "AuthenticationFailed"
    assert answer.reason.endswith(": 0A1B2C")


def test_a_disabled_consumer_is_as_unknown(door, consumer):
    door.consumers.add(Consumer(consumer.id, consumer.name, consumer.issuer, consumer.serial, enabled=False))
    assert door.call(get_message(), action=f"{ACTION}GetSignResponse").reason == (
        "Unknown or unregistered system: 0A1B2C"
    )


def test_a_directory_may_hold_the_serial_without_its_leading_zero(door):
    door.consumers.consumers.clear()
    door.consumers.add(Consumer(ConsumerId("c"), "c", "CN=Test CA", "A1B2C"))
    assert door.call(post_message()).status == 200


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("192.0.2.7", ("192.0.2.0/24",), True),
        ("192.0.2.7", ("198.51.100.0/24", "192.0.2.7"), True),
        ("192.0.2.7", ("192.0.2.9/24",), True),
        ("192.0.3.7", ("192.0.2.0/24",), False),
        ("::ffff:192.0.2.7", ("192.0.2.0/24",), True),
        ("2001:db8::1%eth0", ("2001:db8::/32",), True),
        ("2001:db9::1", ("2001:db8::/32", "192.0.2.0/24"), False),
        ("", ("192.0.2.0/24",), False),
        ("unix:", ("0.0.0.0/0",), False),
        ("192.0.2.7", ("not a network",), False),
        ("192.0.2.7", (), True),
        ("", (), True),
    ],
)
def test_an_address_list_lets_in_its_addresses_only(door, consumer, address, networks, allowed):
    door.consumers.add(Consumer(consumer.id, consumer.name, consumer.issuer, consumer.serial, addresses=networks))
    answer = door.call(post_message(), address=address)
    assert answer.outcome == ("200" if allowed else "500 AuthorizationFailed")
    if not allowed:
        assert answer.reason == "This system may not call from this address"


def test_who_calls_is_settled_before_the_body_is_read(door):
    """A body that is no XML at all changes nothing of the answer to somebody unknown."""
    body = Unread(50_000)
    answer = door.call(body, length="50000", certificate=None)
    assert answer.code == "AuthenticationFailed"
    assert body.left == 0, "drained, so that the answer is not lost with the connection"


def test_a_stranger_is_not_listened_to_for_long(make_door):
    door = make_door(limits=SoapLimits(unknown_drain=100_000))
    body = Unread(10_000_000)
    assert door.call(body, length="10000000", certificate=None).code == "AuthenticationFailed"
    assert 0 < body.drained <= 100_000


def test_the_rest_of_a_known_consumers_message_is_taken(door):
    """The consumer shall read its fault, however much it was still sending."""
    body = Unread(5_000_000)
    assert door.call(body, length="5000000").code == "Client"
    assert body.left == 0


def test_a_caller_who_goes_away_is_no_error_of_ours(door):
    class Gone:
        def read(self, _size):
            raise ConnectionResetError

    assert door.call(Gone(), length="5000").outcome == "500 Client"
    assert door.call(Gone(), length="5000", certificate=None).code == "AuthenticationFailed"


def test_a_caller_who_goes_away_in_the_middle_leaves_nothing(door):
    message = post_message(content="AAAA" * 50_000)

    class Gone:
        def __init__(self):
            self.sent = 0

        def read(self, size):
            if self.sent > 150_000:
                assert len(door.contents.names()) == 1, "the content was on its way"
                raise TimeoutError
            piece = message[self.sent : self.sent + size]
            self.sent += len(piece)
            return piece

    assert door.call(Gone(), length=str(len(message))).outcome == "500 Client"
    assert door.contents.names() == []
