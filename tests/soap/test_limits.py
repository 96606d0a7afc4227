"""The bounds of a message follow from those of a request, so that neither refuses what the other accepts."""

import base64
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.errors import ServiceBusy
from gateway.soap.limits import SoapLimits
from tests.soap.doors import FileWriter
from tests.soap.messages import NAMESPACE, envelope, post_message


def test_the_bounds_fit_a_request_of_the_default_size():
    assert SoapLimits.of(contents=1000, document=100_000_000, batch=500_000_000) == SoapLimits()


@pytest.mark.parametrize(("contents", "document", "batch"), [(1, 100_000, 100_000), (40, 5_000, 100_000)])
def test_a_request_at_every_bound_passes(make_door, contents, document, batch):
    """Full contents in lines, the longest names and ids in the widest characters, pretty-printed."""
    door = make_door(limits=SoapLimits.of(contents=contents, document=document, batch=batch))
    lines = base64.encodebytes(bytes(min(document, batch // contents))).decode().replace("\n", "\r\n")
    one = f"""
        <SignContent>
            <Content>{lines}</Content>
            <CorrelationID>{"𝕏" * 36}</CorrelationID>
            <MultipleSignatures>false</MultipleSignatures>
            <Name>{"𝕏" * 256}</Name>
        </SignContent>"""
    message = envelope(
        f"""<PostSignRequest xmlns="{NAMESPACE}"><request>
            <ContentDescription>{"𝕏" * 512}</ContentDescription>
            <ContentType>Pdf</ContentType>
            <Contents>{one * contents}</Contents>
            <ShortContentDescription>{"𝕏" * 90}</ShortContentDescription>
            <SignatureReason>{"𝕏" * 255}</SignatureReason>
        </request></PostSignRequest>"""
    )
    assert door.call(message).outcome == "200"
    assert door.call(message.decode().encode("utf-16")).outcome == "200"


def test_more_contents_are_possible_where_they_are_configured(make_door):
    door = make_door(limits=SoapLimits.of(contents=3000, document=100, batch=10_000))
    contents = "<SignContent><Content>AAAA</Content><CorrelationID/><Name/></SignContent>" * 3000
    message = envelope(
        f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Hash</ContentType><Contents>{contents}</Contents>'
        "</request></PostSignRequest>"
    )
    assert door.call(message).outcome == "200"


# ---------------------------------------------------------------- each limit has its fault


def refused(door, message, outcome, reason):
    answer = door.call(message)
    assert (answer.outcome, answer.reason) == (outcome, reason)
    assert door.contents.names() == []
    assert not door.operations.posted


def test_a_body_past_its_limit(make_door):
    door = make_door(limits=SoapLimits(body=2000))
    refused(door, post_message(content="A" * 4000), "413 Client", "The request is larger than 2000 bytes")


def test_more_text_than_is_allowed(make_door):
    door = make_door(limits=SoapLimits(text=100))
    answer = door.call(post_message(short="x" * 200))
    assert answer.outcome == "500 InvalidParameter"
    assert "ShortContentDescription" in answer.reason


def test_elements_nested_too_deep(make_door):
    door = make_door(limits=SoapLimits(depth=16))
    answer = door.call(post_message(extra="<Z>" * 20 + "</Z>" * 20))
    assert answer.outcome == "500 Client"
    assert "deep" in answer.reason or "nested" in answer.reason


def test_more_attributes_than_are_allowed(make_door):
    door = make_door(limits=SoapLimits(attributes=16))
    many = " ".join(f'a{i}="x"' for i in range(17))
    answer = door.call(envelope(f'<PostSignRequest xmlns="{NAMESPACE}"><request {many}/></PostSignRequest>'))
    assert answer.outcome == "500 Client"
    assert "attributes" in answer.reason


def test_more_contents_than_are_allowed(make_door):
    door = make_door(limits=SoapLimits(contents=2))
    contents = "<SignContent><Content>AAAA</Content></SignContent>" * 3
    refused(
        door,
        envelope(
            f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Hash</ContentType><Contents>{contents}'
            "</Contents></request></PostSignRequest>"
        ),
        "500 InvalidParameter",
        "Contents: at most 2 contents are accepted in a request",
    )


# ---------------------------------------------------------------- large messages at once


class Held:
    """A body that waits in its middle until it may go on."""

    def __init__(self, message):
        self.stream, self.reached, self.go_on = io.BytesIO(message), threading.Event(), threading.Event()

    def read(self, size):
        self.reached.set()
        assert self.go_on.wait(30)
        return self.stream.read(size)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_message_too_many_is_told_to_come_back_and_small_ones_pass(make_door, chunked):
    large = post_message(content="A" * 60_000)
    door = make_door(limits=SoapLimits(large=10_000, in_flight=100_000))
    first = Held(large)
    second = {"length": "", "wsgi.input_terminated": True} if chunked else {}
    with ThreadPoolExecutor(1) as pool:
        answered = pool.submit(door.call, first, length=str(len(large)))
        assert first.reached.wait(30)
        answer = door.call(large, **second)
        assert (answer.outcome, answer.headers["Retry-After"]) == ("503 Server", "15")
        assert door.call(post_message()).outcome == "200"
        first.go_on.set()
        assert answered.result(30).outcome == "200"
    assert len(door.contents.names()) == 1
    assert door.call(large, **second).outcome == "200"


def test_a_large_message_alone_is_taken_however_large(make_door):
    door = make_door(limits=SoapLimits(large=10_000, in_flight=20_000))
    assert door.call(post_message(content="A" * 60_000)).outcome == "200"


def test_where_the_disk_is_short_large_messages_are_told_to_come_back(make_door):
    asked = []

    def has_room(size):
        asked.append(size)
        return False

    door = make_door(limits=SoapLimits(large=10_000), has_room=has_room)
    large = post_message(content="A" * 60_000)
    answer = door.call(large)
    assert (answer.outcome, answer.headers["Retry-After"]) == ("503 Server", "60")
    assert asked == [len(large)]
    assert door.call(post_message()).outcome == "200"


def test_a_disk_that_is_full_leaves_nothing_half_stored(door, monkeypatch):
    def full(_writer, _data):
        raise ServiceBusy(30)

    monkeypatch.setattr(FileWriter, "write", full)
    answer = door.call(post_message(content="A" * 60_000))
    assert (answer.outcome, answer.headers["Retry-After"]) == ("503 Server", "30")
    assert door.contents.names() == []
