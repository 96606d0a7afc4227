"""Any message that is valid by the contract arrives as it was meant; any damage to one has a clean answer."""

import base64
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.domain.contents import ContentType
from gateway.domain.parties import DelegatorType
from gateway.operations.post_sign_request import PostedContent, PostedExpectedSigner, PostedRequest
from gateway.soap.limits import SoapLimits
from tests.soap.messages import ACTION_HEADER, NAMESPACE, envelope
from tests.soap.test_hostile_inputs import assert_clean

# what XML can hold, without the line ends that it turns into one another
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\r\ufffe\uffff", min_codepoint=32), max_size=40
)
MAYBE = st.none() | TEXT
OFF = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "xsd" / "MSign.xsd"))


@st.composite
def requests(draw):
    contents = st.builds(
        PostedContent,
        content=st.none() | st.binary(max_size=100),
        correlation_id=MAYBE,
        multiple_signatures=st.booleans(),
        name=MAYBE,
    )
    signers = st.builds(
        PostedExpectedSigner,
        personal_identifier=MAYBE,
        delegator_type=st.sampled_from(DelegatorType),
        delegator_id=MAYBE,
        delegated_role_id=st.integers(-(2**31), 2**31 - 1),
    )
    return PostedRequest(
        content_type=draw(st.sampled_from(ContentType)),
        contents=tuple(draw(st.lists(contents, max_size=4))),
        short_description=draw(MAYBE),
        description=draw(MAYBE),
        signature_reason=draw(MAYBE),
        expected_signer=draw(st.none() | signers),
    )


class Writer:
    """Writes a request as some client might: prefixes, nils or absences, spaces and comments as *draw* has it."""

    def __init__(self, draw):
        self.draw = draw
        self.prefix = draw(st.sampled_from(["", "a:", "ns1:"]))

    def pause(self):
        return self.draw(st.sampled_from(["", "", "\n  ", "<!-- c -->", "\t"]))

    def element(self, name, inner, attributes=""):
        tag = self.prefix + name
        return f"{self.pause()}<{tag}{attributes}>{inner}</{tag}>"

    def optional(self, name, text, *, required=False):
        if text is not None:
            cdata = "]]>" not in text and self.draw(st.booleans())
            return self.element(name, f"<![CDATA[{text}]]>" if cdata else escape(text))
        if required or self.draw(st.booleans()):
            return self.element(name, "", f' i:nil="{self.draw(st.sampled_from(["true", "1"]))}"')
        return ""

    def content(self, content):
        if content.content is None:
            binary = self.optional("Content", None, required=True)
        else:
            text = base64.b64encode(content.content).decode()
            cut = self.draw(st.integers(0, len(text)))
            binary = self.element("Content", f"{text[:cut]}{self.pause()}{text[cut:]}")
        several = self.draw(st.sampled_from(["true", "1"] if content.multiple_signatures else ["false", "0", None]))
        return self.element(
            "SignContent",
            binary
            + self.optional("CorrelationID", content.correlation_id)
            + (self.element("MultipleSignatures", several) if several else "")
            + self.optional("Name", content.name)
            + self.pause(),
        )

    def signer(self, signer):
        if signer is None:
            return self.optional("ExpectedSigner", None)
        return self.element(
            "ExpectedSigner",
            self.element("DelegatedRoleID", str(signer.delegated_role_id))
            + self.optional("DelegatorID", signer.delegator_id)
            + self.element("DelegatorType", signer.delegator_type.value)
            + self.optional("ID", signer.personal_identifier, required=True),
        )

    def request(self, posted):
        inner = (
            self.optional("ContentDescription", posted.description)
            + self.element("ContentType", posted.content_type.value)
            + self.element("Contents", "".join(map(self.content, posted.contents)) + self.pause())
            + self.signer(posted.expected_signer)
            + self.optional("ShortContentDescription", posted.short_description, required=True)
            + self.optional("SignatureReason", posted.signature_reason)
        )
        prefix = f":{self.prefix[:-1]}" if self.prefix else ""
        spaces = f' xmlns{prefix}="{NAMESPACE}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
        return self.element("PostSignRequest", self.element("request", inner), spaces).strip()


@settings(OFF, max_examples=60)
@given(st.data(), requests())
def test_a_valid_request_arrives_as_it_was_meant_in_either_mode(make_door, schema, data, posted):
    written = Writer(data.draw).request(posted)
    schema.assertValid(etree.fromstring(written, etree.XMLParser(remove_comments=True)))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16"]))
    body = envelope(written, ACTION_HEADER).decode().encode(encoding)
    for door in (make_door(), make_door(strict=True)):
        answer = door.call(body, action=f"{NAMESPACE}/IMSign/PostSignRequest")
        assert answer.status == 200, answer.reason
        assert door.operations.posted == [posted]


@settings(OFF, max_examples=150)
@given(st.data(), requests())
def test_any_damage_has_a_clean_answer_and_leaves_nothing(make_door, data, posted):
    """Also when small contents go to the store, so that there is something to leave behind."""
    door = make_door(limits=SoapLimits(memory=8), strict=data.draw(st.booleans()))
    body = bytearray(envelope(Writer(data.draw).request(posted), ACTION_HEADER))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 30))
        pieces = [
            b"",
            b"<",
            b"</",
            b">",
            b"&",
            b"&amp;",
            b'"',
            b"\0",
            b"\xff",
            b"<a/>",
            b"<!--",
            b"]]>",
            b"=",
            b"<?x?>",
        ]
        body[at : at + length] = (
            data.draw(st.sampled_from(pieces) | st.binary(max_size=5)) + body[at : at + data.draw(st.integers(0, 3))]
        )
    answer = door.call(bytes(body), action=f"{NAMESPACE}/IMSign/PostSignRequest")
    assert_clean(answer)
    assert answer.status in {200, 500}
    assert answer.code != "Server"
    if answer.status != 200:
        assert door.contents.names() == []
        assert not door.operations.posted


@settings(OFF, max_examples=60)
@given(
    content_type=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30),
    action=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30),
    length=st.text(max_size=5),
    query=st.text(st.characters(max_codepoint=255), max_size=10),
)
def test_any_headers_have_a_clean_answer(make_door, content_type, action, length, query):
    door = make_door()
    for given_type in (content_type, f"text/xml;{content_type}"):
        answer = door.call(b"<a/>", content_type=given_type, action=action, length=length, query=query)
        assert answer.status in {400, 411, 413, 415, 500}
        assert answer.code in {None, "Client"}
