"""Many callers at once, good and bad, each get their own answer."""

import base64
import gc
import os
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

from lxml import etree

from gateway.soap import calls
from tests.soap.messages import NAMESPACE, get_message, post_message

N = f"{{{NAMESPACE}}}"


def test_eight_threads_mix_good_and_bad(door):
    def one(number):
        kind = number % 4
        if kind == 0:
            document = os.urandom(3000 + number % 7 * 9000)
            posted = door.call(post_message(content=base64.b64encode(document).decode()))
            request_id = etree.fromstring(posted.body).findtext(f".//{N}PostSignRequestResult")
            answer = door.call(get_message(request_id))
            return base64.b64decode(etree.fromstring(answer.body).findtext(f".//{N}Signature")) == document
        if kind == 1:
            return door.call(post_message(content=base64.b64encode(os.urandom(40_000)).decode() + "!")).reason == (
                "Contents[0].Content: is not valid base64: letters, digits, + and /, filled up with = to a multiple of four"
            )
        if kind == 2:
            extra = f"<Unknown{number}/><ContentType>Pdf</ContentType>"
            return door.call(post_message(extra=extra)).reason == "ContentType: occurs more than once"
        return door.call(post_message()[: -(number % 200) - 1]).code == "Client"

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(400)))
    kept = {
        content.content.content_id
        for posted in door.operations.posted
        for content in posted.contents
        if not isinstance(content.content, bytes)
    }
    assert set(door.contents.names()) == kept


def test_a_call_is_let_go_when_it_ends(door, monkeypatch):
    """What a call held in memory does not wait for the garbage collector."""
    seen = []

    class Watched(calls.Call):
        def __init__(self, **members):
            super().__init__(**members)
            seen.append(weakref.ref(self))

    monkeypatch.setattr("gateway.soap.application.Call", Watched)
    gc.disable()
    try:
        door.call(post_message())
        door.call(post_message(content="!"))
        door.call(get_message())
        assert [reference() for reference in seen] == [None] * 3
    finally:
        gc.enable()


def test_callers_that_arrive_together_at_a_fresh_door_are_all_served(make_door):
    for _ in range(5):
        door = make_door()
        barrier = threading.Barrier(8)

        def first(door=door, barrier=barrier):
            barrier.wait()
            return door.call(post_message()).status

        with ThreadPoolExecutor(8) as pool:
            assert [future.result() for future in [pool.submit(first) for _ in range(8)]] == [200] * 8
