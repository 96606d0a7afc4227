"""A batch that is taken from a message's text at once is what reading it element by element gives, faults included."""

import base64
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.domain.contents import StoredContent
from gateway.soap import batches, envelope
from gateway.soap.limits import SoapLimits
from tests.soap.doors import Door
from tests.soap.messages import ACTION, NAMESPACE, get_message
from tests.soap.messages import envelope as in_envelope

XSI = "http://www.w3.org/2001/XMLSchema-instance"
OFF = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
LIMITS = SoapLimits(contents=6, document=60, memory=40, text=150)
POST, VERIFY = "PostSignRequest", "VerifySignatures"


class Pair:
    """One door as it is, and one that reads every element by itself."""

    def __init__(self, make, strict):
        self.quick = make(limits=LIMITS, strict=strict)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gateway.soap.protocol.BatchCutter", NeverCuts)
            self.thorough = make(limits=LIMITS, strict=strict)

    def answers(self, body, operation):
        return [outcome(door, body, operation) for door in (self.quick, self.thorough)]


class NeverCuts(batches.BatchCutter):
    def cut(self, _message):
        return None


def outcome(door, body, operation):
    """What the operation was asked, without the random names of stored contents; or the fault."""
    door.operations.posted.clear()
    door.operations.verified.clear()
    answer = door.call(body, action=ACTION + operation)
    if answer.status != 200:
        assert door.contents.names() == []
        return re.sub(rb"Reference: \w+", b"", answer.body)
    (asked,) = door.operations.posted + door.operations.verified
    for name in door.contents.names():
        door.contents.delete(name)
    members = ("content", "signature")
    contents = [
        replace(
            content,
            **{
                name: replace(value, content_id="")
                for name in members
                if isinstance(value := getattr(content, name, None), StoredContent)
            },
        )
        for content in asked.contents
    ]
    return replace(asked, contents=tuple(contents))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, certificate):
    from gateway.domain.parties import Consumer, ConsumerId

    consumer = Consumer(ConsumerId("consumer-1"), "e-service", "CN=Test CA", "0A1B2C")

    def make(**options):
        return Door(tmp_path_factory.mktemp("contents"), consumer, certificate, **options)

    return {strict: Pair(make, strict) for strict in (False, True)}


@pytest.fixture
def taken(monkeypatch):
    """How often a batch was offered to the reader, and what it said."""
    seen = []

    def take(target, batch, original=envelope.Target.take):
        seen.append(original(target, batch))
        return seen[-1]

    monkeypatch.setattr(envelope.Target, "take", take)
    return seen


def items(inner, item="SignContent", prefix=""):
    return "".join(f"<{prefix}{item}>{one}</{prefix}{item}>" for one in inner)


def message(contents, operation=POST, *, prefix="", declared="", on_contents="", extra=""):
    own = f'xmlns{f":{prefix[:-1]}" if prefix else ""}="{NAMESPACE}"'
    if operation == POST:
        before = f"<{prefix}ContentType>Hash</{prefix}ContentType>"
        after = f"<{prefix}ShortContentDescription>Cerere</{prefix}ShortContentDescription>"
    else:
        before, after = "", f"<{prefix}SignedContentType>Hash</{prefix}SignedContentType>"
    return in_envelope(
        f'<{prefix}{operation} {own} xmlns:i="{XSI}" {declared}><{prefix}request>{before}'
        f"<{prefix}Contents{on_contents}>{contents}</{prefix}Contents>{extra}{after}</{prefix}request></{prefix}{operation}>"
    )


LETTERS = st.sampled_from(["a", "ă", "\U0001f58a", " ", "\x7f", "\x85", "\u2028", "]]", "'", '"', "1"])
REFERENCES = st.sampled_from(["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"])
ODD_TEXTS = st.sampled_from(
    ["\t", "\n", "\r", "&#65;", "&#13;", "&#x2028;", "&nope;", "&", ">", "]]>", "\x01", "\ufffe", "&#0;"]
)
SPOILT = st.sampled_from(["<!-- x -->", "<![CDATA[a]]>", "<?x?>", "<x/>", "x", "&#32;"])
SPACES = st.sampled_from(["", "", "", " ", "\n  ", "\r\n\t"])
ODD_SPACES = st.sampled_from(["", "", "", "\x0b", "\xa0", "&#32;"])


class Hand:
    """Draws what a serializer writes; with *odd*, now and then what none would."""

    def __init__(self, draw, *, odd):
        self.draw = draw
        self.odd = odd

    def now_and_then(self, of=5):
        return self.odd and self.draw(st.integers(0, of)) == 0

    def space(self):
        return self.draw(ODD_SPACES if self.now_and_then(20) else SPACES)

    def binary(self):
        text = base64.b64encode(self.draw(st.binary(max_size=50))).decode()
        if self.draw(st.integers(0, 5)) == 0:
            cut = self.draw(st.integers(0, len(text)))
            text = text[:cut] + self.space() + text[cut:]
        if self.now_and_then(10):
            text = text[:-1] + self.draw(st.sampled_from(["", "=", "==", "===", "A", "A=", "A===", " = ", "-", "ă"]))
        return text

    def text(self):
        pieces = self.draw(st.lists(LETTERS | REFERENCES, max_size=12))
        return "".join([*pieces, self.draw(ODD_TEXTS)] if self.now_and_then(10) else pieces)

    def value(self, name):
        if name in ("Content", "Signature"):
            return self.binary()
        if name == "MultipleSignatures":
            return self.draw(st.sampled_from(["true", "false", "1", "0", *([" true", "TRUE", ""] if self.odd else [])]))
        return self.text()

    def member(self, prefix, name):
        if self.draw(st.integers(0, 5)) == 0 and (self.odd or name != "MultipleSignatures"):
            odd = [' i:nil="false"/>', ' z="1"/>', ' q:nil="true"/>'] if self.odd else []
            return f"<{prefix}{name}" + self.draw(
                st.sampled_from(["/>", " />", ' i:nil="true"/>', ' i:nil="1" />', *odd])
            )
        other = self.draw(st.sampled_from(["q:", ""])) if self.now_and_then(20) else prefix
        return f"<{other}{name}>{self.value(name)}</{other}{name}>"

    def item(self, prefix, item, names):
        written = [self.member(prefix, name) for name in names]
        if self.now_and_then():
            written.insert(self.draw(st.integers(0, len(written))), self.draw(SPOILT))
        if self.now_and_then():
            written = self.draw(st.permutations(written))
        inner = self.space() + self.space().join(written) + self.space()
        return f"<{prefix}{item}>{inner}</{prefix}{item}>"


KINDS = [
    (POST, "SignContent", ["Content"], ["CorrelationID", "MultipleSignatures", "Name"]),
    (VERIFY, "VerificationContent", ["Signature"], ["Content", "CorrelationID"]),
]


@st.composite
def messages(draw):
    hand = Hand(draw, odd=draw(st.booleans()))
    prefix = draw(st.sampled_from(["", "a:", "ns0:", "q:"]))
    operation, item, required, optional = draw(st.sampled_from(KINDS))

    def names():
        chosen = draw(st.sets(st.sampled_from(optional)))
        return sorted([*chosen, *([] if hand.now_and_then(10) else required)])

    alike = draw(st.booleans())
    chosen = names()
    inner = [
        hand.item(prefix, item, chosen if alike else names())
        for _ in range(draw(st.integers(0, LIMITS.contents + (1 if hand.odd else 0))))
    ]
    spaced = hand.space() + hand.space().join(inner) + hand.space()
    declared = draw(st.sampled_from(["", 'xmlns:q="urn:q"', f'xmlns:q="{NAMESPACE}"'])) if prefix != "q:" else ""
    odd = [' i:nil="true"', ' xmlns:a="urn:a"', ' xmlns="urn:x"', ' xmlns:i="urn:x"', ' z=">"', "/"]
    on_contents = draw(st.sampled_from(odd)) if hand.now_and_then(3) else ""
    extra = ["<x/>", f"<{prefix}Contents></{prefix}Contents>", "<!-- <Contents> -->"]
    after = draw(st.sampled_from(extra)) if hand.now_and_then(3) else ""
    return message(spaced, operation, prefix=prefix, declared=declared, on_contents=on_contents, extra=after), operation


@settings(OFF, max_examples=150)
@given(messages(), st.booleans())
@example((message("<SignContent><Content/></SignContent>"), POST), False)
@example((message(items(["<Content>AAAA</Content>"] * 3)), POST), True)
def test_both_ways_of_reading_say_the_same(pairs, given_message, strict):
    quick, thorough = pairs[strict].answers(*given_message)
    assert quick == thorough


@settings(OFF, max_examples=100)
@given(messages(), st.data(), st.booleans())
def test_both_say_the_same_of_damaged_messages(pairs, given_message, data, strict):
    body, operation = given_message
    damaged = bytearray(body)
    at = data.draw(st.integers(0, len(damaged)))
    piece = data.draw(
        st.sampled_from([b"<", b">", b"/", b"&", b"\xff", b"<!--", b"<a/>", b"=", b" ", b":", b'"', b"\0", b""])
    )
    damaged[at : at + data.draw(st.integers(0, 12))] = piece
    quick, thorough = pairs[strict].answers(bytes(damaged), operation)
    assert quick == thorough


PLAIN = [
    pytest.param(message(items(["<Content/>"] * 3)), POST, id="nothing but empty members"),
    pytest.param(message(items(["<Content>AAAA</Content>"] * 5)), POST, id="hashes alone"),
    pytest.param(
        message(items(["<a:Content>AAAA</a:Content>\n<a:Name>ă &amp; b.pdf</a:Name>"] * 5, prefix="a:"), prefix="a:"),
        POST,
        id="prefixes, line ends and references",
    ),
    pytest.param(
        message(items(['<Content>AAAA</Content><CorrelationID>1</CorrelationID><Name i:nil="true"/>'] * 3)),
        POST,
        id="nil as WCF writes it",
    ),
    pytest.param(
        message(items(["<Content>AAAA</Content><Name>n</Name>", "<Content>AAAA</Content>"])), POST, id="not all alike"
    ),
    pytest.param(
        message(items(["<CorrelationID/><Signature>AAAA</Signature>"] * 3, "VerificationContent"), VERIFY),
        VERIFY,
        id="signatures to verify",
    ),
]


@pytest.mark.parametrize(("body", "operation"), PLAIN)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_serializers_write_is_taken_at_once(pairs, taken, body, operation, encoding):
    quick, thorough = pairs[True].answers(body.decode().encode(encoding), operation)
    assert quick == thorough
    assert not isinstance(quick, bytes)
    assert taken == [True]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            message(items(["<Content>AAAA</Content>", "<Content>AA=A</Content>"])),
            "Contents[1].Content: is not valid base64: letters, digits, + and /, filled up with = to a multiple of four",
        ),
        (
            message(items(["<Content>AAAA=</Content>"])),
            "Contents[0].Content: is not valid base64: letters, digits, + and /, filled up with = to a multiple of four",
        ),
        (
            message(items(["<Content>AAAA====</Content>"])),
            "Contents[0].Content: is not valid base64: letters, digits, + and /, filled up with = to a multiple of four",
        ),
        (message(items(["<Content>AAAA</Content>"] * 7)), "Contents: at most 6 contents are accepted in a request"),
        (
            message(items(["<Content>AAAA</Content>", f"<Content>{'AAAA' * 30}</Content>"])),
            "Contents[1].Content: is larger than 60 bytes",
        ),
        (
            message(items([f"<Content>AAAA</Content><Name>{'n' * 76}</Name>"] * 2)),
            "Contents[1].Name: is too long: the texts of a request have at most 150 characters",
        ),
        (
            message(items(["<Content>AAAA</Content>"]), extra=f"<SignatureReason>{'n' * 151}</SignatureReason>"),
            "SignatureReason: is too long: the texts of a request have at most 150 characters",
        ),
        (
            message(items(["<Content>AAAA</Content>"]), on_contents=' i:nil="true"'),
            "Contents: is nil (xsi:nil) and must be empty",
        ),
        (
            message(items(["<Content>AAAA</Content>"]), extra="<Contents></Contents>"),
            "Contents: occurs more than once",
        ),
    ],
)
def test_a_mistake_in_a_batch_has_the_words_of_the_reader(pairs, body, reason):
    for door in (pairs[False].quick, pairs[False].thorough):
        answer = door.call(body)
        assert (answer.outcome, answer.reason) == ("500 InvalidParameter", reason)


def test_a_batch_of_another_namespace_is_unknown_content(pairs, taken):
    body = message(items(["<Content>AAAA</Content>"]), on_contents=' xmlns="urn:other"')
    quick, thorough = pairs[False].answers(body, POST)
    assert quick == thorough
    assert True not in taken


def test_a_batch_in_a_place_that_means_nothing_is_passed_over(pairs, taken):
    hidden = f"<x><Contents>{items(['<Content>AAAA</Content>'] * 2)}</Contents></x>"
    body = message(items(["<Content>BBBB</Content>"])).replace(b"<request>", f"<request>{hidden}".encode())
    quick, thorough = pairs[False].answers(body, POST)
    assert quick == thorough
    assert [content.content for content in quick.contents] == [base64.b64decode("BBBB")]
    assert True not in taken


BATCH = f"<Contents>{items(['<Content>AAAA</Content>'])}</Contents>".encode()


@pytest.mark.parametrize(
    "body",
    [
        get_message() + BATCH,
        get_message().replace(b"</s:Body>", BATCH + b"</s:Body>"),
        get_message().replace(b"</s:Envelope>", BATCH + b"</s:Envelope>"),
        get_message().replace(b"<s:Body>", b"<s:Header>" + BATCH + b"</s:Header><s:Body>"),
        get_message().replace(b"<requestID>", BATCH + b"<requestID>"),
        get_message().replace(b"<requestID>", b"<requestID>" + BATCH),
        get_message().replace(b"<requestID>", b'<requestID a="' + BATCH + b'">'),
        get_message().replace(b"<requestID>", b"<requestID a='>'/>" + BATCH + b"<requestID>"),
        BATCH,
        b"<s:Envelope>" + BATCH,
        b"\0" + get_message().replace(b"<requestID>", BATCH + b"<requestID>"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_batch_where_none_belongs_is_no_batch(pairs, taken, body, strict):
    quick, thorough = (pairs[strict].quick, pairs[strict].thorough)
    action = f"{ACTION}GetSignResponse"
    answers = [door.call(body, action=action) for door in (quick, thorough)]
    assert answers[0].body == answers[1].body
    assert answers[0].code != "Server"
    assert True not in taken


def test_a_batch_counts_as_the_elements_that_it_was_written_with(make_door):
    """A message may not hold more elements for having some of them read at once."""
    limits = SoapLimits(contents=20)
    room = limits.elements
    for spare, expected in ((0, 200), (1, 500)):
        door = make_door(limits=limits)
        unknown = "<z/>" * (room - 7 - 3 * 20 + spare)
        body = message(items(["<Content>AAAA</Content><Name/>"] * 20), extra=unknown)
        answer = door.call(body)
        assert answer.status == expected, answer.reason
    assert answer.reason == f"The message has more than {room} elements"


def test_a_batch_is_as_deep_as_its_members(make_door):
    body = message(items(["<Content>AAAA</Content>"]))
    assert make_door(limits=SoapLimits(depth=7)).call(body).status == 200
    assert make_door(limits=SoapLimits(depth=6)).call(body).reason == "The message is nested deeper than 6 elements"


def test_references_count_in_a_batch_as_elsewhere(make_door):
    few, many = (message(items([f"<Content>AAAA</Content><Name>{'&amp;n' * count}</Name>"])) for count in (3000, 8000))
    assert make_door().call(few).status == 200
    cut_up = "The message's text is cut up by too many comments or character references"
    assert make_door().call(many).reason == cut_up


def test_a_hostile_batch_takes_time_by_its_length_alone(pairs, taken):
    """Nothing is looked at twice: what comes close to a batch, hundreds of kilobytes of it, is answered as ever."""
    for close in (
        "<SignContent>" + " " * 400_000,
        "<SignContent><Content>" + "A" * 400_000,
        "<SignContent><Content>AAAA</Content><Name>" + "&amp;n" * 1900,
        ("<SignContent>" + " " * 50) * 6000,
    ):
        quick, thorough = pairs[False].answers(message(close), POST)
        assert quick == thorough
    assert taken == []
