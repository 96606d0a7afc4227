"""How much of a request is there is known from its bytes alone, however they arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.serving.heads import HEAD_LIMIT, Beginning, Stage

START = b"POST /x HTTP/1.1\r\nHost: h\r\n"
EARLY = 100


def fed(message, size=1 << 20, early=EARLY):
    """Feed *message* in pieces of *size*; how many bytes had come when it was ready (None: it never was), and it."""
    beginning = Beginning(early)
    for start in range(0, len(message), size):
        stage = beginning.add(message[start : start + size])
        if stage is not Stage.MORE:
            return start + size, beginning, stage
    return None, beginning, Stage.MORE


@pytest.mark.parametrize(
    ("rest", "ready_at"),
    [
        (b"\r\n", 0),
        (b"Content-Length: 5\r\n\r\nabcde", 0),
        (b"content-length:5\r\n\r\nabcdeNEXT", 4),
        (b"Content-Length: 500\r\n\r\n" + b"x" * EARLY + b"more", 4),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 0),
        (b"Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\n", 0),
        (b"Transfer-Encoding: chunked\r\n\r\n3 \r\n0\r\n\r\n0\r\n\r\n", 0),
        (b"Transfer-Encoding: chunked\r\n\r\nF0000\r\n" + b"x" * (EARLY - 7) + b"more", 4),
    ],
)
def test_a_request_is_ready_with_its_last_needed_byte_and_not_before(rest, ready_at):
    message = START + rest
    came, _, stage = fed(message, 1)
    assert (came, stage) == (len(message) - ready_at, Stage.READY)


@pytest.mark.parametrize(
    "odd",
    [
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"nonsense\r\n\r\n",
    ],
)
def test_with_anything_odd_the_server_is_asked_at_once(odd):
    assert fed(START + odd)[2] is Stage.READY


def test_a_head_that_does_not_end_is_too_large():
    assert fed(START + b"X: " + b"a" * HEAD_LIMIT, 4096)[2] is Stage.TOO_LARGE


def test_whoever_waits_to_be_invited_is_invited_once_and_here():
    beginning = Beginning(EARLY)
    assert beginning.add(START + b"Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n") is Stage.MORE
    assert beginning.continue_wanted
    assert beginning.add(b"abcde") is Stage.READY
    assert bytes(beginning.data) == START + b"Content-Length: 5\r\n\r\nabcde"


def test_whoever_did_not_wait_is_not_invited():
    beginning = Beginning(EARLY)
    assert beginning.add(START + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nab") is Stage.MORE
    assert not beginning.continue_wanted


@pytest.mark.parametrize("line", [b"Expect: 100-continue\r\nContent-Length: 5000\r\n\r\n", b"Expect: tea\r\n\r\n"])
def test_a_long_body_and_any_other_expectation_are_for_the_server_to_answer(line):
    _, beginning, stage = fed(START + line)
    assert stage is Stage.READY
    assert bytes(beginning.data) == START + line
    assert not beginning.continue_wanted


@pytest.mark.parametrize(
    ("rest", "whole"),
    [
        (b"\r\n", True),
        (b"Content-Length: 100\r\n\r\n" + b"x" * 100, True),
        (b"Content-Length: 101\r\n\r\n" + b"x" * 100, False),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", True),
        (b"Transfer-Encoding: chunked\r\n\r\nF00\r\n" + b"x" * 200, False),
    ],
)
def test_a_body_of_which_more_is_to_come_is_told(rest, whole):
    assert fed(START + rest)[1].body_complete is whole


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=8), st.integers(1, 7), st.booleans())
def test_the_end_of_chunks_is_found_however_they_arrive(chunks, size, trailer):
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    end = b"0\r\nT: v\r\n\r\n" if trailer else b"0\r\n\r\n"
    message = START + b"Transfer-Encoding: chunked\r\n\r\n" + body + end
    came, beginning, stage = fed(message, size, early=10_000)
    assert stage is Stage.READY
    assert came >= len(message)
    assert bytes(beginning.data) == message


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_break_it_and_none_are_lost(message, size):
    _, beginning, stage = fed(START + message, size)
    if stage is Stage.MORE:
        assert bytes(beginning.data) == START + message or beginning.continue_wanted
