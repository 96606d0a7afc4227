"""Contents stream through: into the content store and out of it, never whole in memory, and never left behind."""

import base64
import io
import os
import secrets
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from lxml import etree

from gateway.domain.contents import ContentId, StoredContent
from gateway.domain.requests import SignResult, SignStatus
from gateway.errors import InvalidRequest, ServiceBusy
from gateway.operations.get_sign_response import SignResponse
from gateway.soap.binary import Base64Decoder
from gateway.soap.limits import SoapLimits
from tests.soap.messages import ACTION, NAMESPACE, envelope, get_message, post_message, verify_message

N = f"{{{NAMESPACE}}}"
DOCUMENT = os.urandom(123_457)


def text_of(data):
    return base64.b64encode(data).decode()


def results_of(answer):
    """(certificate, correlation id, signature) of every SignResult."""
    return [
        tuple(item.findtext(N + name) for name in ("Certificate", "CorrelationID", "Signature"))
        for item in etree.fromstring(answer.body, etree.XMLParser(huge_tree=True)).iter(N + "SignResult")
    ]


def unread_answer(door, message):
    """The answer as the server gets it, before any of it is sent."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/MSign.svc",
        "CONTENT_TYPE": "text/xml",
        "wsgi.input": io.BytesIO(message),
        "CONTENT_LENGTH": str(len(message)),
        "test.certificate": door.certificate,
    }
    return iter(door.application(environ, lambda *_: None))


def test_a_large_content_goes_to_the_store_and_a_small_one_stays_in_memory(door):
    door.call(post_message(content=text_of(DOCUMENT)))
    door.call(post_message(content=text_of(b"small")))
    large, small = (posted.contents[0].content for posted in door.operations.posted)
    assert isinstance(large, StoredContent)
    assert large.length == len(DOCUMENT)
    with door.contents.open(large.content_id) as stored:
        assert stored.read() == DOCUMENT
    assert small == b"small"
    assert door.contents.names() == [large.content_id]


@pytest.mark.parametrize("size", [16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 48 * 1024, 48 * 1024 + 1, 200_000])
def test_the_same_bytes_come_back_at_every_size(door, size):
    document = DOCUMENT[:size] + DOCUMENT[: max(0, size - len(DOCUMENT))]
    door.call(post_message(content=text_of(document)))
    answer = door.call(get_message(next(iter(door.operations.requests))))
    ((certificate, _, signature),) = results_of(answer)
    assert base64.b64decode(signature) == document
    assert base64.b64decode(certificate) == b"certificate"


def test_white_space_of_any_kind_in_base64_is_passed_over(door):
    broken = "\r\n".join(text_of(DOCUMENT)[at : at + 76] for at in range(0, 170_000, 76))
    assert door.call(post_message(content=f"\t{broken}\n ")).status == 200
    with door.contents.open(door.operations.posted[0].contents[0].content.content_id) as stored:
        assert stored.read() == DOCUMENT


def test_a_refused_request_leaves_nothing_in_the_store(door):
    door.operations.error = InvalidRequest("Contents", "no")
    assert door.call(post_message(content=text_of(DOCUMENT))).status == 500
    assert door.contents.names() == []


@pytest.mark.parametrize("error", [ServiceBusy(5), RuntimeError("x"), SystemExit()])
def test_what_may_have_been_kept_is_left_to_maintenance(door, error):
    """Where only the answer of a commit is lost, a row claims the contents."""
    door.operations.error = error
    with suppress(SystemExit):
        assert door.call(post_message(content=text_of(DOCUMENT))).status in (500, 503)
    assert len(door.contents.names()) == 1


def test_a_later_content_that_is_bad_takes_the_earlier_ones_with_it(door):
    good = f"<SignContent><Content>{text_of(DOCUMENT)}</Content></SignContent>"
    message = envelope(
        f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Pdf</ContentType><Contents>{good * 3}'
        "<SignContent><Content>!</Content></SignContent></Contents></request></PostSignRequest>"
    )
    answer = door.call(message)
    assert (
        answer.reason
        == "Contents[3].Content: is not valid base64: letters, digits, + and /, filled up with = to a multiple of four"
    )
    assert door.contents.names() == []


def test_verified_signatures_are_let_go_when_the_call_ends(door):
    assert door.call(verify_message(signature=text_of(DOCUMENT))).status == 200
    assert isinstance(door.operations.verified[0].contents[0].signature, StoredContent)
    assert door.contents.names() == []


def test_a_store_that_fails_to_delete_does_not_change_the_answer(door, monkeypatch):
    def fails(_content_id):
        raise OSError

    monkeypatch.setattr(door.contents, "delete", fails)
    assert door.call(post_message(content=text_of(DOCUMENT) + "A")).outcome == "500 InvalidParameter"


def test_a_store_that_is_full_is_a_server_fault(door, monkeypatch):
    def full():
        raise OSError("No space left on device: /srv/secret")

    monkeypatch.setattr(door.contents, "create", full)
    answer = door.call(post_message(content=text_of(DOCUMENT)))
    assert answer.outcome == "500 Server"
    assert b"secret" not in answer.body


def test_a_text_that_looks_like_a_place_comes_back_as_it_was_sent(door):
    """Marks of places are random for each answer; what a caller sent before cannot be one."""
    probes = ["@@000000@@", "@" + "0" * 32 + "@", "@" * 70, "{0}", "%s", "\ue000"]
    results = tuple(SignResult(probe, b"certificate", b"signature") for probe in probes)
    door.operations.answer = SignResponse(SignStatus.SUCCESS, None, results)
    found = results_of(door.call(get_message()))
    assert [correlation for _, correlation, _ in found] == probes
    assert {base64.b64decode(signature) for *_, signature in found} == {b"signature"}


def test_the_mark_of_one_answer_is_no_mark_in_the_next(door, monkeypatch):
    """Even a mark that leaked is of no use: the next answer has another."""
    tokens = []
    real = secrets.token_hex
    monkeypatch.setattr("gateway.soap.answers.secrets.token_hex", lambda n: tokens.append(real(n)) or tokens[-1])
    door.operations.answer = SignResponse(SignStatus.SUCCESS, None, (SignResult("c", b"cert", b"one"),))
    door.call(get_message())
    stolen = f"@{tokens[-1]}@"
    door.operations.answer = SignResponse(SignStatus.SUCCESS, None, (SignResult(stolen, b"cert", b"two"),))
    ((_, correlation, signature),) = results_of(door.call(get_message()))
    assert correlation == stolen
    assert base64.b64decode(signature) == b"two"
    assert len(set(tokens)) == len(tokens) >= 2


def test_a_reference_cannot_be_written_by_a_caller(door, monkeypatch):
    """A content's own text never becomes a reference, not even one that is known."""
    monkeypatch.setattr("gateway.soap.members.secrets.token_hex", lambda _n: "0" * 32)
    one = "<SignContent><Content>{}</Content><CorrelationID>{}</CorrelationID></SignContent>"
    forged = "0" * 32 + "-0"
    message = envelope(
        f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Hash</ContentType><Contents>'
        f"{one.format(text_of(b'secret of the first'), 'a')}{one.format('AAAA', forged)}</Contents>"
        "<ShortContentDescription>s</ShortContentDescription></request></PostSignRequest>"
    )
    assert door.call(message).status == 200
    first, second = door.operations.posted[0].contents
    assert (first.content, second.content) == (b"secret of the first", b"\0\0\0")
    assert second.correlation_id == forged


def test_a_stored_signature_that_is_gone_is_a_fault_and_no_torn_answer(door):
    missing = StoredContent(ContentId("0" * 32), 100_000, b"")
    door.operations.answer = SignResponse(SignStatus.SUCCESS, None, (SignResult(None, b"c", missing),))
    assert door.call(get_message()).outcome == "500 Server"


def test_a_stored_signature_of_another_length_is_a_fault(door):
    with door.contents.create() as writer:
        writer.write(b"short")
        stored = writer.commit()
    longer = StoredContent(stored.content_id, 100_000, b"")
    door.operations.answer = SignResponse(SignStatus.SUCCESS, None, (SignResult(None, b"c", longer),))
    assert door.call(get_message()).outcome == "500 Server"


def test_a_file_that_shrinks_while_it_is_sent_breaks_the_answer_off(door):
    """Padding it would give the consumer a document that nobody signed."""
    door.call(post_message(content=text_of(DOCUMENT)))
    request_id = next(iter(door.operations.requests))
    pieces = unread_answer(door, get_message(request_id))
    os.truncate(door.contents.folder / door.contents.names()[0], 1000)
    with pytest.raises(EOFError):
        b"".join(pieces)


def test_an_answer_nobody_reads_leaves_no_file_open(door):
    door.call(post_message(content=text_of(DOCUMENT)))
    opened = []
    real = door.contents.open
    door.contents.open = lambda content_id: opened.append(real(content_id)) or opened[-1]
    pieces = unread_answer(door, get_message(next(iter(door.operations.requests))))
    for _ in range(6):
        next(pieces)
    assert not opened[-1].closed
    pieces.close()
    assert all(stream.closed for stream in opened)


def test_a_thousand_hashes_are_taken_in_order(door):
    one = "<SignContent><Content>{}</Content><CorrelationID>{}</CorrelationID></SignContent>"
    digests = [os.urandom(32) for _ in range(1000)]
    contents = "".join(one.format(text_of(digest), index) for index, digest in enumerate(digests))
    message = envelope(
        f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Hash</ContentType><Contents>{contents}</Contents>'
        "<ShortContentDescription>s</ShortContentDescription></request></PostSignRequest>"
    )
    assert door.call(message, action=f"{ACTION}PostSignRequest").status == 200
    assert [content.content for content in door.operations.posted[0].contents] == digests


def test_many_small_contents_stay_within_their_bound(make_door):
    """What is kept in memory is bounded by content, and contents by number."""
    door = make_door(limits=SoapLimits(memory=10, contents=3))
    one = f"<SignContent><Content>{text_of(b'0123456789')}</Content></SignContent>"
    two = f"<SignContent><Content>{text_of(b'0123456789a')}</Content></SignContent>"

    def message(contents):
        return envelope(
            f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Pdf</ContentType><Contents>{contents}'
            "</Contents></request></PostSignRequest>"
        )

    assert door.call(message(one + two + one)).status == 200
    kinds = [type(content.content) for content in door.operations.posted[0].contents]
    assert kinds == [bytes, StoredContent, bytes]
    assert door.call(message(one * 4)).reason == "Contents: at most 3 contents are accepted in a request"


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 7, 64])
def test_base64_may_be_cut_anywhere(step):
    for size in range(12):
        text = text_of(DOCUMENT[:size])
        decoder = Base64Decoder()
        decoded = b"".join(decoder.feed(text[at : at + step]) for at in range(0, len(text), step))
        decoder.finish()
        assert decoded == DOCUMENT[:size]


_CHILD = """
import base64, resource, sys
from pathlib import Path
from gateway.domain.parties import Consumer, ConsumerId
from tests.soap.doors import Door, make_certificate
from tests.soap.messages import post_message, get_message

megabytes = 40
door = Door(Path(sys.argv[1]), Consumer(ConsumerId("c"), "c", "CN=Test CA", "0A1B2C"), make_certificate(0x0A1B2C))
before, after = post_message(content="|").split(b"|")
piece = base64.b64encode(bytes(range(256)) * 192)
count = megabytes * 1024 * 1024 // (256 * 192)

class Sent:
    def __init__(self):
        self.pieces = iter([before, *[piece] * count, after])
        self.rest = b""
    def read(self, size):
        self.rest = self.rest or next(self.pieces, b"")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def answer(body, length):
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/MSign.svc", "CONTENT_TYPE": "text/xml",
               "CONTENT_LENGTH": str(length), "wsgi.input": body, "test.certificate": door.certificate}
    statuses = []
    total = sum(len(part) for part in door.application(environ, lambda status, headers: statuses.append(status)))
    assert statuses == ["200 OK"], statuses
    return total

import io
answer(io.BytesIO(get := post_message()), len(get))
door.operations.requests.clear()
start = peak()
answer(Sent(), len(before) + len(piece) * count + len(after))
taken = peak()
message = get_message(next(iter(door.operations.requests)))
sent = answer(io.BytesIO(message), len(message))
assert sent > len(piece) * count
print(taken - start, peak() - taken)
"""


def test_forty_megabytes_pass_both_ways_in_little_memory(tmp_path):
    """Measured in a process of its own, by the operating system: what C code allocates counts too."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _CHILD, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    into, out_of = map(int, found.stdout.split()[-2:])
    assert into < 12, f"{into} MB more to take 40 MB in"
    assert out_of < 6, f"{out_of} MB more to send 40 MB"
