"""Answers and what operations are asked: the contract's structures to the letter, in the order of the wire."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from lxml import etree

from gateway.domain.contents import ContentType
from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import Language, MessageKey
from gateway.domain.parties import DelegatorType
from gateway.domain.requests import SignResult, SignStatus
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind
from gateway.domain.verification import SignatureConclusion, VerificationResult
from gateway.operations.get_sign_response import SignResponse
from gateway.operations.post_sign_request import PostedContent, PostedExpectedSigner, PostedRequest
from tests.soap.messages import NAMESPACE, envelope, get_message, post_message, verify_message

XSI = "http://www.w3.org/2001/XMLSchema-instance"
NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
N = f"{{{NAMESPACE}}}"


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "xsd" / "MSign.xsd"))


def payload(answer, schema=None):
    """The element in the Body; valid by the published schema."""
    assert answer.status == 200, answer.reason
    root = etree.fromstring(answer.body)
    (body,) = root.findall("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    (element,) = body
    if schema is not None:
        schema.assertValid(etree.fromstring(etree.tostring(element)))
    return element


def shape(element):
    """Names, texts and nils, without prefixes."""
    name = etree.QName(element).localname
    if element.get(f"{{{XSI}}}nil") == "true":
        return (name, None)
    return (name, [shape(child) for child in element] if len(element) else element.text or "")


def conclusion(**more):
    integrity = IntegrityVerdict(
        kind=more.pop("kind", SignatureKind.SIGNATURE),
        crypto_valid=True,
        structure_valid=True,
        failure=None,
        certificate=b"certificate",
        certificate_reference_matches=True,
        other_certificates=(),
        time_stamps=(),
        claimed_signing_time=datetime(2020, 1, 1, tzinfo=UTC),
        signature_digests=frozenset(),
        content_digest=None,
    )
    given = {
        "indication": Indication.TOTAL_PASSED,
        "sub_indication": None,
        "message": MessageKey.VALID,
        "integrity": integrity,
        "trust": None,
        "policy": None,
        "time_stamps": (),
        "certificate": b"certificate",
        "subject": "CN=Nume Prenume, L=Chișinău",
        "signed_at": None,
    }
    return SignatureConclusion(**{**given, **more})


# ------------------------------------------------------------------ GetSignResponse
@pytest.mark.parametrize(
    ("status", "message", "language", "expected"),
    [
        (SignStatus.PENDING, None, "", None),
        (SignStatus.SUCCESS, None, "", None),
        (SignStatus.FAILURE, MessageKey.CANCELLED, "", "cancelled (ro)"),
        (SignStatus.FAILURE, MessageKey.CANCELLED, "<language>ru</language>", "cancelled (ru)"),
        (SignStatus.EXPIRED, MessageKey.REQUEST_EXPIRED, "<language>EN</language>", "request-expired (en)"),
        (SignStatus.EXPIRED, MessageKey.REQUEST_EXPIRED, f"<language {NIL}/>", "request-expired (ro)"),
        (SignStatus.EXPIRED, MessageKey.REQUEST_EXPIRED, "<language/>", "request-expired (ro)"),
    ],
)
def test_message_and_results_are_always_there_nil_where_there_is_nothing(
    door, schema, status, message, language, expected
):
    """WCF's deserializer refuses an answer without Results, and loses a Message out of order."""
    door.operations.answer = SignResponse(status, message, ())
    assert shape(payload(door.call(get_message(language=language)), schema)) == (
        "GetSignResponseResponse",
        [("GetSignResponseResult", [("Message", expected), ("Results", None), ("Status", status.value)])],
    )


def test_results_come_in_order_with_what_there_is(door, schema):
    results = (
        SignResult("one", b"certificate", b"signature"),
        SignResult(None, b"certificate", b"signature"),
        SignResult("three", None, None),
    )
    door.operations.answer = SignResponse(SignStatus.FAILURE, MessageKey.PARTLY_SIGNED, results)
    element = payload(door.call(get_message()), schema)
    certificate, signature = (base64.b64encode(text).decode() for text in (b"certificate", b"signature"))
    assert [shape(item) for item in element.iter(N + "SignResult")] == [
        ("SignResult", [("Certificate", certificate), ("CorrelationID", "one"), ("Signature", signature)]),
        ("SignResult", [("Certificate", certificate), ("Signature", signature)]),
        ("SignResult", [("CorrelationID", "three")]),
    ]


def test_the_request_id_reaches_the_operation_as_it_was_sent(door):
    door.call(get_message("  AbC "))
    door.call(envelope(f'<GetSignResponse xmlns="{NAMESPACE}"/>'))
    door.call(envelope(f'<GetSignResponse xmlns="{NAMESPACE}"><requestID {NIL}/></GetSignResponse>'))
    assert door.operations.asked == ["  AbC ", None, None]


def test_a_text_that_xml_cannot_hold_is_no_server_fault(door):
    door.operations.answer = SignResponse(SignStatus.SUCCESS, None, (SignResult("a\0b\ufffe", b"", b""),))
    assert payload(door.call(get_message())).findtext(f".//{N}CorrelationID") == "a\ufffdb\ufffd"


# ------------------------------------------------------------------ PostSignRequest
def test_every_member_of_a_request_reaches_the_operation(door, schema):
    message = envelope(
        f"""<PostSignRequest xmlns="{NAMESPACE}"><request>
            <ContentDescription>Cerere de concediu, 3 pagini</ContentDescription>
            <ContentType>Hash</ContentType>
            <Contents>
              <SignContent><Content>{base64.b64encode(bytes(20)).decode()}</Content><CorrelationID>1</CorrelationID>
                <MultipleSignatures>true</MultipleSignatures><Name>a.pdf</Name></SignContent>
              <SignContent><Content {NIL}/><CorrelationID {NIL}/><MultipleSignatures>0</MultipleSignatures>
                <Name {NIL}/></SignContent>
              <SignContent/>
            </Contents>
            <ExpectedSigner><DelegatedRoleID>-7</DelegatedRoleID><DelegatorID>10</DelegatorID>
              <DelegatorType>Organization</DelegatorType><ID>2000000000007</ID></ExpectedSigner>
            <ShortContentDescription>Cerere &lt;ș&gt; &amp; ț</ShortContentDescription>
            <SignatureReason>  Aprob  </SignatureReason>
        </request></PostSignRequest>"""
    )
    answer = payload(door.call(message), schema)
    assert shape(answer) == (
        "PostSignRequestResponse",
        [("PostSignRequestResult", next(iter(door.operations.requests)))],
    )
    assert door.operations.posted == [
        PostedRequest(
            content_type=ContentType.HASH,
            contents=(
                PostedContent(bytes(20), "1", multiple_signatures=True, name="a.pdf"),
                PostedContent(None),
                PostedContent(None),
            ),
            short_description="Cerere <ș> & ț",
            description="Cerere de concediu, 3 pagini",
            signature_reason="  Aprob  ",
            expected_signer=PostedExpectedSigner("2000000000007", DelegatorType.ORGANIZATION, "10", -7),
        )
    ]


def test_what_is_absent_nil_or_empty_arrives_as_such(door):
    door.call(post_message(extra=f"<ExpectedSigner {NIL}/>"))
    door.call(post_message(extra="<ExpectedSigner/>"))
    door.call(post_message(extra="<ExpectedSigner><ID/></ExpectedSigner>"))
    door.call(post_message(content_type="Pdf", short=""))
    nothing, empty, empty_id, plain = door.operations.posted
    assert nothing.expected_signer is None
    assert empty.expected_signer == PostedExpectedSigner()
    assert empty_id.expected_signer == PostedExpectedSigner("")
    assert (plain.description, plain.short_description, plain.signature_reason) == (None, "", None)


@pytest.mark.parametrize("contents", ["", "<Contents/>", f"<Contents {NIL}/>"])
def test_a_request_without_contents_is_the_operations_question(door, contents):
    message = envelope(
        f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Pdf</ContentType>{contents}'
        "</request></PostSignRequest>"
    )
    assert door.call(message).status == 200
    assert door.operations.posted[0].contents == ()


# ------------------------------------------------------------------ VerifySignatures
def test_every_signer_is_shown_and_no_document_time_stamp(door, schema):
    late = timezone(timedelta(hours=2))
    door.operations.results = [
        VerificationResult(
            "v1",
            (
                conclusion(signed_at=datetime(2026, 1, 2, 5, 4, 5, 678, tzinfo=late)),
                conclusion(kind=SignatureKind.DOCUMENT_TIME_STAMP, subject="CN=TSA"),
                conclusion(
                    indication=Indication.INDETERMINATE,
                    sub_indication=SubIndication.TRY_LATER,
                    certificate=b"other",
                    subject=None,
                ),
                conclusion(certificate=None),
            ),
            MessageKey.SOME_NOT_VALID,
        ),
        VerificationResult(None, (), MessageKey.UNREADABLE),
        VerificationResult(None, (conclusion(),), MessageKey.VALID),
    ]
    answer = door.call(verify_message(language="<Language>ru</Language>"))
    results = [shape(item)[1] for item in payload(answer, schema).iter(N + "VerificationResult")]
    subject = ("Subject", "CN=Nume Prenume, L=Chișinău")
    first = [("Certificate", "Y2VydGlmaWNhdGU="), ("SignatureValid", "true")]
    assert results[0] == [
        (
            "Certificates",
            [
                ("VerificationCertificate", [*first, ("SignedAt", "2026-01-02T03:04:05Z"), subject]),
                (
                    "VerificationCertificate",
                    [("Certificate", "b3RoZXI="), ("SignatureValid", "false"), ("Subject", "")],
                ),
            ],
        ),
        ("CorrelationID", "v1"),
        ("Message", "some-not-valid (ru)"),
        ("SignaturesValid", "false"),
    ]
    assert results[1] == [("Message", "unreadable (ru)"), ("SignaturesValid", "false")]
    assert results[2][0] == ("Certificates", [("VerificationCertificate", [*first, subject])])
    assert results[2][-1] == ("SignaturesValid", "true")


def test_subject_and_message_keep_to_their_lengths(make_door, schema, monkeypatch):
    door = make_door()
    monkeypatch.setattr("tests.soap.doors.KeyedCatalog.text", lambda *_: "ș" * 300)
    door.operations.results = [VerificationResult(None, (conclusion(subject="ț" * 300),), MessageKey.VALID)]
    element = payload(door.call(verify_message()), schema)
    assert element.findtext(f".//{N}Subject") == "ț" * 250
    assert element.findtext(f".//{N}Message") == "ș" * 100


def test_a_verification_reaches_the_operation(door):
    hashed = base64.b64encode(bytes(32)).decode()
    door.call(verify_message(kind="Hash", content=f"<Content>{hashed}</Content>", language="<Language>en</Language>"))
    door.call(verify_message(kind="Hash", content=f"<Content {NIL}/>"))
    given, absent = door.operations.verified
    assert (given.content_type, given.language) == (ContentType.HASH, Language.EN)
    assert [(c.correlation_id, c.signature, c.content) for c in given.contents] == [("v1", b"\0\0\0", bytes(32))]
    assert (absent.language, absent.contents[0].content) == (Language.RO, None)


def test_an_answer_is_not_kept_by_caches_and_says_its_charset(door):
    door.operations.answer = SignResponse(SignStatus.PENDING, None, ())
    headers = door.call(get_message()).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"] == "text/xml; charset=utf-8"
