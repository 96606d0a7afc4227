"""The sample messages are what the door takes and what it answers."""

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from gateway.domain.contents import ContentType, StoredContent
from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import Language, MessageKey
from gateway.domain.requests import SignResult, SignStatus
from gateway.domain.verification import VerificationResult
from gateway.errors import NotYourRequest, RequestNotFound
from gateway.operations.get_sign_response import SignResponse
from tests.soap.doors import make_certificate
from tests.soap.messages import ACTION, NAMESPACE
from tests.soap.test_answers import conclusion, shape

FOLDER = Path(__file__).parents[2] / "samples" / "messages"
N = f"{{{NAMESPACE}}}"
REQUEST_ID = "0123456789abcdef0123456789abcdef"
SUBJECT = "O=Exemplu, C=MD, L=Chișinău, SERIALNUMBER=PNOMD-2000000000007, CN=Ion Exemplu"
TEXTS = {
    "cancelled": "The signer cancelled",
    "partly-signed": "Some contents could not be signed",
    "request-expired": "The request has expired",
    "valid": "The signature is valid",
    "some-not-valid": "Not all signatures are valid",
    "not-signed": "The document is not signed",
}
NAMES = sorted(path.name.removesuffix(".request.xml") for path in FOLDER.glob("*.request.xml"))


def read(name):
    return etree.parse(FOLDER / f"{name}.xml", etree.XMLParser(remove_blank_text=True)).getroot()


def element_in_body(root):
    (element,) = root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    return element


def binary(name, member, place=0):
    """The bytes of a member of a sample."""
    return base64.b64decode(list(read(name).iter(N + member))[place].text)


def results_of(name):
    """Signature results as the sample answer has them."""
    correlations = [e.text for e in read(f"{name}.answer").iter(N + "CorrelationID")]
    certificate = binary(f"{name}.answer", "Certificate")
    return tuple(
        SignResult(correlation, certificate, binary(f"{name}.answer", "Signature", place))
        for place, correlation in enumerate(correlations)
    )


def signer(**more):
    certificate = binary("verify-hash.answer", "Certificate")
    given = {"certificate": certificate, "subject": SUBJECT, "signed_at": datetime(2026, 2, 3, 10, 11, 12, tzinfo=UTC)}
    return conclusion(**{**given, **more})


def prepare(name, operations):
    """Lay out what the operation behind the sample answers."""
    operations.next_id = REQUEST_ID
    success, failure = SignStatus.SUCCESS, SignStatus.FAILURE
    answers = {
        "get-pending": lambda: SignResponse(SignStatus.PENDING, None, ()),
        "get-success-hash": lambda: SignResponse(success, None, results_of(name)),
        "get-success-pdf": lambda: SignResponse(success, None, results_of(name)),
        "get-failure": lambda: SignResponse(failure, MessageKey.CANCELLED, ()),
        "get-partly": lambda: SignResponse(failure, MessageKey.PARTLY_SIGNED, partly()),
        "get-expired": lambda: SignResponse(SignStatus.EXPIRED, MessageKey.REQUEST_EXPIRED, ()),
    }
    if name in answers:
        operations.answer = answers[name]()
    if name == "verify-hash":
        operations.results = [VerificationResult("cerere-1", (signer(),), MessageKey.VALID)]
    if name == "verify-pdf":
        unsure = signer(
            indication=Indication.INDETERMINATE, sub_indication=SubIndication.NO_CERTIFICATE_CHAIN_FOUND, signed_at=None
        )
        operations.results = [
            VerificationResult("cerere-1", (signer(), unsure), MessageKey.SOME_NOT_VALID),
            VerificationResult("cerere-2", (), MessageKey.NOT_SIGNED),
        ]
    operations.error = {"fault-authorization": NotYourRequest(), "fault-not-found": RequestNotFound()}.get(name)


def partly():
    signed = binary("get-partly.answer", "Certificate"), binary("get-partly.answer", "Signature")
    return (SignResult("cerere-1", *signed), SignResult("cerere-2", None, None))


def test_every_sample_has_its_pair():
    answers = {path.name.removesuffix(".answer.xml") for path in FOLDER.glob("*.answer.xml")}
    assert set(NAMES) == answers
    assert len(NAMES) >= 14
    listed = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in listed for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_answered_as_it_says(door, monkeypatch, name):
    monkeypatch.setattr("tests.soap.doors.KeyedCatalog.text", lambda _self, key, _language: TEXTS[key])
    prepare(name, door.operations)
    body = (FOLDER / f"{name}.request.xml").read_bytes()
    operation = etree.QName(element_in_body(etree.fromstring(body))).localname
    stranger = {"certificate": make_certificate(0xABC)} if name == "fault-authentication" else {}
    answer = door.call(body, action=f'"{ACTION}{operation}"', **stranger)
    assert answer.status == (500 if name.startswith("fault-") else 200)
    assert shape(etree.fromstring(answer.body)) == shape(read(f"{name}.answer"))


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("fault-")])
@pytest.mark.parametrize("part", ["request", "answer"])
def test_a_sample_is_valid_by_the_published_schema(schema, name, part):
    element = element_in_body(read(f"{name}.{part}"))
    schema.assertValid(etree.fromstring(etree.tostring(element)))


def test_an_answer_on_the_wire_is_valid_by_the_published_schema(door, schema):
    prepare("get-success-pdf", door.operations)
    door.operations.answer = SignResponse(SignStatus.SUCCESS, None, results_of("get-success-pdf"))
    answer = door.call((FOLDER / "get-success-pdf.request.xml").read_bytes())
    schema.assertValid(etree.fromstring(etree.tostring(element_in_body(etree.fromstring(answer.body)))))


def test_the_operations_get_what_the_samples_say(door):
    for name in ("post-hash", "post-pdf", "verify-hash", "verify-pdf"):
        prepare(name, door.operations)
        door.call((FOLDER / f"{name}.request.xml").read_bytes())
    hashes, documents = door.operations.posted
    assert (hashes.content_type, [len(c.content) for c in hashes.contents]) == (ContentType.HASH, [32, 20])
    assert hashes.expected_signer.personal_identifier == "2000000000007"
    (document,) = documents.contents
    assert document.content.startswith(b"%PDF-")
    assert (document.multiple_signatures, document.name) == (True, "cerere.pdf")
    assert documents.signature_reason == "Aprob"
    verified, others = door.operations.verified
    assert (verified.language, len(verified.contents[0].content)) == (Language.EN, 32)
    assert [c.correlation_id for c in others.contents] == ["cerere-1", "cerere-2"]
    assert not any(isinstance(c.signature, StoredContent) for c in others.contents)
