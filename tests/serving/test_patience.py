"""How long peers are borne with, over a pair of sockets and no clock."""

from __future__ import annotations

import socket
import threading

import pytest

from gateway.serving.patience import PacedSocket, Patience, Waiting, _Way

QUICK = Patience(stalled_s=0.3, hurried_s=0.3, least_rate=1000)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_waiting_costs_credit_and_bytes_earn_it():
    way = _Way(Patience(stalled_s=10, least_rate=1000))
    way.waited(9, crowded=False)
    assert not way.overdue
    way.moved(5000)
    way.waited(5, crowded=False)
    assert not way.overdue
    way.waited(2, crowded=False)
    assert way.overdue


def test_bytes_cannot_be_saved_up():
    way = _Way(Patience(stalled_s=10, least_rate=1000))
    way.moved(10_000_000)
    way.waited(11, crowded=False)
    assert way.overdue


def test_a_crowd_shortens_patience():
    way = _Way(Patience(stalled_s=10, hurried_s=2))
    way.waited(1, crowded=True)
    assert not way.overdue
    way.waited(1.5, crowded=True)
    assert way.overdue


def test_without_a_rate_any_byte_is_enough_until_the_whole_time_is_over():
    way = _Way(Patience(stalled_s=10, least_rate=0, transfer_s=100))
    for _ in range(11):
        assert not way.overdue
        way.moved(1)
        way.waited(9, crowded=False)
    way.waited(2, crowded=False)
    assert way.overdue


def test_half_of_the_threads_are_a_crowd():
    waiting = Waiting(4)
    with waiting:
        assert not waiting.crowded
        with waiting:
            assert waiting.crowded
    assert not waiting.crowded


def test_a_peer_that_sends_nothing_is_as_if_it_had_gone(pair):
    ours, _ = pair
    paced = PacedSocket(ours, QUICK, Waiting(8))
    for _ in range(2):  # at once, the second time
        with pytest.raises(ConnectionResetError):
            paced.recv(10)
    paced.sendall(b"a last word is still sent")


def test_a_peer_that_reads_nothing_is_as_if_it_had_gone(pair):
    ours, _ = pair
    with pytest.raises(ConnectionResetError):
        PacedSocket(ours, QUICK, Waiting(8)).sendall(bytes(50_000_000))


def test_the_next_request_begins_anew(pair):
    ours, theirs = pair
    paced = PacedSocket(ours, QUICK, Waiting(8))
    with pytest.raises(ConnectionResetError):
        paced.recv(10)
    paced.begin()
    theirs.sendall(b"hello")
    assert paced.recv(10) == b"hello"


def test_everything_arrives_both_ways(pair):
    ours, theirs = pair
    sent = bytes(range(256)) * 20_000
    got = bytearray()

    def read():
        while piece := theirs.recv(65536):
            got.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    paced = PacedSocket(ours, Patience(), Waiting(8))
    paced.sendall(sent)
    paced.shutdown(socket.SHUT_WR)
    reader.join(30)
    assert bytes(got) == sent


def test_a_limit_of_a_single_read_is_kept_too(pair):
    paced = PacedSocket(pair[0], Patience(), Waiting(8))
    paced.settimeout(0.2)
    assert paced.gettimeout() == 0.2
    with pytest.raises(TimeoutError):
        paced.recv(1)
