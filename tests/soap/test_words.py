"""
What a caller reads when a message is refused: the whole text, for somebody who has never met this service.

Each names the member or the part of the message that is wrong and says what would be right, and quotes nothing of it
but names.
"""

import re
from xml.sax.saxutils import unescape

import pytest

from tests.soap.messages import ACTION, NAMESPACE, envelope, get_message, post_message, verify_message
from tests.soap.test_hostile_inputs import BODIES, SCHEMA, SOAP11, XSI, assert_clean, check, replaced, request

CLIENT, PARAMETER, VERSION = "500 Client", "500 InvalidParameter", "500 VersionMismatch"
XML = "The request is not well-formed XML with namespaces"
ORDER = "ContentDescription, ContentType, Contents, ExpectedSigner, ShortContentDescription, SignatureReason"
DTD = "A SOAP message must not contain a document type declaration"
PARTS = "A SOAP envelope holds an optional Header and then a Body, and nothing else"
OPERATIONS = (
    f"Unknown operation, or of another namespace; the operations of namespace {NAMESPACE} are "
    "PostSignRequest, GetSignResponse, VerifySignatures"
)
BASE64 = "is not valid base64: letters, digits, + and /, filled up with = to a multiple of four"
UNQUALIFIED = f"is sent without a namespace; elements of this contract are qualified by {NAMESPACE}"
UNDERSTAND = "must be understood, and is not known here; leave it out"
CUT_UP = "The message's text is cut up by too many comments or character references"
NO_CHARACTER = f"{XML}: it holds a character that XML does not allow, such as a control character"
WORDS = {
    "malformed": f"{XML}: a < or & is followed by no name; in a text they are written &lt; and &amp;",
    "cut off": f"{XML}: a tag is cut off",
    "cut off after a large content": f"{XML}: a tag is cut off",
    "no bytes at all": "The request is empty",
    "white space only": f"{XML}: it does not begin with an element",
    "not SOAP": f"The request is not a SOAP 1.1 envelope: Envelope of namespace {SOAP11}",
    "JSON": f"{XML}: it does not begin with an element",
    "SOAP 1.2 envelope": f"Only SOAP 1.1 is spoken here, whose namespace is {SOAP11}",
    "envelope without a namespace": f"Only SOAP 1.1 is spoken here, whose namespace is {SOAP11}",
    "empty Body": "The SOAP Body is missing or empty",
    "text in the Body": "The SOAP Body is missing or empty",
    "no Body": "The SOAP Body is missing or empty",
    "two Bodies": PARTS,
    "two elements in the Body": "The SOAP Body must hold exactly one element",
    "two operations in the Body": "The SOAP Body must hold exactly one element",
    "Header after the Body": PARTS,
    "element after the Body": PARTS,
    "wrong namespace": OPERATIONS,
    "namespace with a slash": OPERATIONS,
    "unknown operation": OPERATIONS,
    "a response sent as a request": OPERATIONS,
    "a fault sent as a request": OPERATIONS,
    "unknown mustUnderstand header": f"The header X {UNDERSTAND}",
    "unknown mustUnderstand header for the next": f"The header X {UNDERSTAND}",
    "Action in another namespace": f"The header Action {UNDERSTAND}",
    "base64 !!!!": f"Contents[0].Content: {BASE64}",
    "base64 of three letters": f"Contents[0].Content: {BASE64}",
    "base64 with padding inside": f"Contents[0].Content: {BASE64}",
    "base64 with padding between pieces": f"Contents[0].Content: {BASE64}",
    "base64 of padding": f"Contents[0].Content: {BASE64}",
    "base64 with too much padding": f"Contents[0].Content: {BASE64}",
    "base64 of other alphabets": f"Contents[0].Content: {BASE64}",
    "base64 in full width letters": f"Contents[0].Content: {BASE64}",
    "base64 with an element": "Contents[0].Content: must hold a value and no elements",
    "large base64 that ends badly": f"Contents[0].Content: {BASE64}",
    "large base64 and an element": "Contents[0].Content: must hold a value and no elements",
    "xop:Include of MTOM": "Contents[0].Content: must hold its base64 in place; MTOM is not spoken here",
    "unknown enumeration value": "ContentType: must be one of Hash, Pdf",
    "enumeration in another case": "ContentType: must be one of Hash, Pdf",
    "empty enumeration value": "ContentType: must be one of Hash, Pdf",
    "boolean yes": "Contents[0].MultipleSignatures: must be true or false",
    "boolean empty": "Contents[0].MultipleSignatures: must be true or false",
    "boolean nil": "Contents[0].MultipleSignatures: must not be nil",
    "number that is none": "ExpectedSigner.DelegatedRoleID: must be a whole number of 32 bits",
    "number past 32 bits": "ExpectedSigner.DelegatedRoleID: must be a whole number of 32 bits",
    "number of a million digits": "ExpectedSigner.DelegatedRoleID: must be a whole number of 32 bits",
    "xsi:nil=perhaps": "Contents[0].Content: has an xsi:nil that is neither true nor false",
    "xsi:nil=true with a value": "Contents[0].Content: is nil (xsi:nil) and must be empty",
    "xsi:nil=1 with elements": "Contents: is nil (xsi:nil) and must be empty",
    "nil in Contents": "Contents[0]: must not be nil",
    "wrong member order": f"ContentType: is out of order; the order is {ORDER}",
    "wrong order after a large content": f"ContentDescription: is out of order; the order is {ORDER}",
    "a member twice": "ExpectedSigner: occurs more than once",
    "member without a namespace": f"ContentType: {UNQUALIFIED}",
    "text between members": "request: must hold elements and no text",
    "no request element": "request: is required",
    "nil request": "request: is required",
    "empty request": "ContentType: is required",
    "empty DTD": DTD,
    "DTD with a system identifier": DTD,
    "internal entity": DTD,
    "external entity": DTD,
    "parameter entity": DTD,
    "entity in an attribute": DTD,
    "undeclared entity": f"{XML}: it refers to an entity; XML without a DTD has amp, lt, gt, quot and apos only",
    "billion laughs": DTD,
    "processing instruction": "A SOAP message must not contain processing instructions",
    "processing instruction before the envelope": "A SOAP message must not contain processing instructions",
    "href loop": "ContentType: is required",
    "dangling href": "request: is a reference (href); values are sent in place",
    "unknown xsi:type": f"request: states another xsi:type than SignRequest of {NAMESPACE}",
    "xsi:type of another structure": f"request: states another xsi:type than SignRequest of {NAMESPACE}",
    "xsi:type with an undeclared prefix": f"request: states another xsi:type than SignRequest of {NAMESPACE}",
    "UTF-16 cut in the middle of a character": "The request is not valid UTF-16",
    "UTF-16 with a lone surrogate": "The request is not valid UTF-16",
    "UTF-32": f"{XML}: it does not begin with an element",
    "NUL character reference": NO_CHARACTER,
    "bad UTF-8": f"{XML}: its bytes are not valid UTF-8",
    "a control character": NO_CHARACTER,
    "data after the envelope": f"{XML}: there is something behind the envelope",
    "an undeclared prefix": f"{XML}: a prefix is used and not declared",
    "the same attribute by two prefixes": f"{XML}: an element has the same attribute twice",
    "a prefix unbound": f"{XML}: a prefix is declared for no namespace",
    "an undeclared prefix of a member": f"Contents.SignContent: {UNQUALIFIED}",
    "an undeclared prefix of an attribute": f"{XML}: a prefix is used and not declared",
    "the same attribute twice": f"{XML}: an element has the same attribute twice",
    "300 levels deep": "The message is nested deeper than 32 elements",
    "300 levels deep in a header": "The message is nested deeper than 32 elements",
    "elements in a text": "ShortContentDescription: must hold a value and no elements",
    "two megabytes of text": "ShortContentDescription: is too long: the texts of a request have at most 1000000 characters",
    "base64 of character references": CUT_UP,
    "base64 cut up by comments": CUT_UP,
    "a hundred thousand comments": CUT_UP,
    "unknown text of character references": CUT_UP,
    "a hundred thousand elements": "The message has more than 17000 elements",
    "a hundred attributes": "An element has more than 32 attributes or declarations",
    "a hundred namespaces": "An element has more than 32 attributes or declarations",
    "a long attribute": "An element's attributes have more than 16384 characters",
    "a long attribute in a header": "An element's attributes have more than 16384 characters",
    "a thousand and one contents": "Contents: at most 1000 contents are accepted in a request",
}


def test_no_refusal_of_a_hostile_body_is_without_its_words(door):
    refused = {name for name, (_, expected, *_) in BODIES.items() if expected != "200"}
    assert refused <= set(WORDS)


@pytest.mark.parametrize("name", [name for name, (_, expected, *_) in BODIES.items() if expected != "200"])
def test_a_hostile_body_is_refused_in_these_words(door, name):
    answer = door.call(BODIES[name][0])
    assert unescape(answer.reason) == WORDS[name]


def wrapped(inner, operation="PostSignRequest"):
    return envelope(f'<{operation} xmlns="{NAMESPACE}">{inner}</{operation}>')


def request_of(inner):
    return wrapped(f"<request>{inner}</request>")


def with_dtd(declaration, message=None):
    return declaration.encode() + (message or post_message(header=""))


WHOLE = (
    "<ContentType>Hash</ContentType><Contents><SignContent><Content>AAAA</Content></SignContent></Contents>"
    "<ShortContentDescription>s</ShortContentDescription>"
)
ATTRIBUTES = " ".join(f'a{number}="1"' for number in range(10_000))
MANY_ATTRIBUTES = "An element has more than 32 attributes or declarations"
MORE = {
    "two requests in the operation": (
        wrapped(f"<request>{WHOLE}</request><request/>"),
        PARAMETER,
        "request: occurs more than once",
    ),
    "two lists of contents": (
        request_of(WHOLE.replace("</Contents>", "</Contents><Contents/>")),
        PARAMETER,
        "Contents: occurs more than once",
    ),
    "the request under another operation": (
        wrapped(f"<request>{WHOLE}</request>", "GetSignResponse"),
        "500 RequestNotFound",
        "Cannot find such request",
    ),
    "a request of verification posted": (
        request_of("<Contents/><SignedContentType>Hash</SignedContentType>"),
        PARAMETER,
        "ContentType: is required",
    ),
    "a text in the place of the contents": (
        request_of("<ContentType>Hash</ContentType><Contents>AAAA</Contents>"),
        PARAMETER,
        "Contents: must hold elements and no text",
    ),
    "a text in the place of a content": (
        request_of("<ContentType>Hash</ContentType><Contents><SignContent>AAAA</SignContent></Contents>"),
        PARAMETER,
        "Contents[0]: must hold elements and no text",
    ),
    "a request id twice": (
        wrapped("<requestID>1</requestID><requestID>2</requestID>", "GetSignResponse"),
        PARAMETER,
        "requestID: occurs more than once",
    ),
    "a language before the request id": (
        wrapped("<language>en</language><requestID>1</requestID>", "GetSignResponse"),
        PARAMETER,
        "requestID: is out of order; the order is requestID, language",
    ),
    "a signature before its hash": (
        verify_message(content="<Signature>AAAA</Signature><Content>AAAA</Content>", kind="Hash"),
        PARAMETER,
        "Contents[0].Content: is out of order; the order is Content, CorrelationID, Signature",
    ),
    "an expected signer twice over": (
        post_message(extra="<ExpectedSigner><ID>1</ID><ID>2</ID></ExpectedSigner>"),
        PARAMETER,
        "ExpectedSigner.ID: occurs more than once",
    ),
    "a kind of delegator that is none": (
        post_message(extra="<ExpectedSigner><DelegatorType>Nobody</DelegatorType><ID>1</ID></ExpectedSigner>"),
        PARAMETER,
        "ExpectedSigner.DelegatorType: must be one of None, Person, Organization",
    ),
    "another namespace for a member": (
        post_message(extra='<ContentDescription xmlns="">x</ContentDescription>'),
        PARAMETER,
        f"ContentDescription: {UNQUALIFIED}",
    ),
    "SOAP 1.2 all through": (
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body/></e:Envelope>',
        VERSION,
        f"Only SOAP 1.1 is spoken here, whose namespace is {SOAP11}",
    ),
    "ten thousand attributes": (
        replaced(post_message(), "<request>", f"<request {ATTRIBUTES}>"),
        CLIENT,
        MANY_ATTRIBUTES,
    ),
    "ten thousand attributes of the envelope": (
        replaced(post_message(), "<s:Envelope", f"<s:Envelope {ATTRIBUTES}"),
        CLIENT,
        MANY_ATTRIBUTES,
    ),
    "ten thousand attributes of a content": (
        replaced(post_message(), "<SignContent>", f"<SignContent {ATTRIBUTES}>"),
        CLIENT,
        MANY_ATTRIBUTES,
    ),
    "a NUL byte": (replaced(post_message(short="x@y"), "x@y", "x\0y"), CLIENT, NO_CHARACTER),
    "a NUL byte in base64": (post_message(content="AA\0AA"), CLIENT, NO_CHARACTER),
    "a reference to half a character": (post_message(short="&#xD800;"), CLIENT, NO_CHARACTER),
    "half a character in UTF-8": (
        post_message(short="x@y").replace(b"x@y", b"x\xed\xa0\x80y"),
        CLIENT,
        f"{XML}: its bytes are not valid UTF-8",
    ),
    "a letter of two bytes in UTF-8, written with three": (
        post_message(short="x@y").replace(b"@", b"\xe0\x80\xaf"),
        CLIENT,
        f"{XML}: its bytes are not valid UTF-8",
    ),
    "a reference past all characters": (post_message(short="&#x110000;"), CLIENT, NO_CHARACTER),
    "an ampersand that begins nothing": (
        post_message(short="Smith & Sons"),
        CLIENT,
        f"{XML}: a < or & is followed by no name; in a text they are written &lt; and &amp;",
    ),
    "a less-than in an attribute": (
        replaced(post_message(), "<request>", '<request a="<">'),
        CLIENT,
        f"{XML}: an attribute holds <, which is written &lt;",
    ),
    "a public DTD": (with_dtd('<!DOCTYPE x PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x.dtd">'), CLIENT, DTD),
    "a DTD in UTF-16": (with_dtd("<!DOCTYPE x>").decode().encode("utf-16"), CLIENT, DTD),
    "a DTD behind a comment": (with_dtd("<!-- --><!DOCTYPE x>"), CLIENT, DTD),
    "an attribute with a default by a DTD": (
        with_dtd('<!DOCTYPE x [<!ATTLIST Content a CDATA "1">]>'),
        CLIENT,
        DTD,
    ),
    "a predefined entity made anew": (with_dtd('<!DOCTYPE x [<!ENTITY lt "&#38;#60;">]>'), CLIENT, DTD),
    "an entity of a member": (
        with_dtd('<!DOCTYPE x [<!ENTITY m "<Content>AAAA</Content>">]>', post_message(more="&m;")),
        CLIENT,
        DTD,
    ),
    "entities ten deep": (
        with_dtd("<!DOCTYPE x [" + "".join(f'<!ENTITY e{i} "&e{i + 1};&e{i + 1};">' for i in range(10)) + "]>"),
        CLIENT,
        DTD,
    ),
    "an entity for ever": (with_dtd('<!DOCTYPE x [<!ENTITY e "&e;">]>', post_message(short="&e;")), CLIENT, DTD),
    "an entity without a DTD in base64": (
        post_message(content="AA&equals;"),
        CLIENT,
        f"{XML}: it refers to an entity; XML without a DTD has amp, lt, gt, quot and apos only",
    ),
    "a DTD in the middle": (
        post_message(more="<!DOCTYPE x>"),
        CLIENT,
        f"{XML}: a < or & is followed by no name; in a text they are written &lt; and &amp;",
    ),
    "two envelopes": (post_message() + post_message(), CLIENT, f"{XML}: there is something behind the envelope"),
    "compressed bytes": (b"\x1f\x8b\x08\x00" + bytes(200), CLIENT, f"{XML}: it does not begin with an element"),
}


@pytest.mark.parametrize("name", MORE)
def test_more_of_what_callers_send_is_refused_in_these_words(door, name):
    body, expected, reason = MORE[name]
    answer = check(door, body, expected)
    assert unescape(answer.reason) == reason


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"action": f'"{ACTION}GetSignResponse"'},
            f'The SOAPAction header names another operation than the message; it must be "{ACTION}PostSignRequest"',
        ),
        ({"content_type": "text/xml; charset=koi8-r"}, "The request must be in UTF-8 or UTF-16"),
        ({"length": "5000"}, "The request ends before its Content-Length"),
        ({"length": str(post_message().index(b"<request>"))}, f"{XML}: it ends before its elements do"),
        ({"body": b"", "length": "0"}, "The request is empty"),
    ],
)
def test_what_contradicts_its_headers_is_refused_in_these_words(door, given, reason):
    body = given.pop("body", post_message()) if "body" in given else post_message()
    answer = door.call(body, **given)
    assert_clean(answer)
    assert (answer.outcome, unescape(answer.reason)) == (CLIENT, reason)


def test_strict_mode_says_what_it_misses(make_door):
    door = make_door(strict=True)
    right = f'"{ACTION}PostSignRequest"'
    assert door.call(post_message()).reason == f"The SOAPAction header is missing; it must be {right}"
    attribute = replaced(post_message(), "<Content>", '<Content z="1">')
    assert door.call(attribute, action=right).reason == "Contents[0].Content: has the unknown attribute z"
    element = replaced(post_message(), "<Content>", "<z/><Content>")
    assert door.call(element, action=right).reason == "Contents[0]: holds the unknown element z"
    typed = replaced(post_message(), "<Content>", f'<Content {XSI} xmlns:x="{SCHEMA}" i:type="x:string">')
    expected = f"Contents[0].Content: states another xsi:type than base64Binary of {SCHEMA}"
    assert door.call(typed, action=right).reason == expected
    assert door.call(request(inner=""), action=right).reason == "ContentType: is required"
    asked = door.call(get_message("1", "<z/>"), action=f'"{ACTION}GetSignResponse"')
    assert asked.reason == "GetSignResponse: holds the unknown element z"


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"method": "PUT"}, 405, b""),
        ({"content_type": "application/soap+xml"}, 415, b"SOAP 1.1 messages are sent as text/xml"),
        ({"content_type": "multipart/related; type=text/xml"}, 415, b"SOAP 1.1 messages are sent as text/xml"),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 415, b"Content codings are not supported"),
        ({"length": "1e3"}, 400, b"Content-Length is not a number"),
        ({"length": ""}, 411, b""),
        ({"path": "/MSign.asmx"}, 404, b""),
    ],
)
def test_what_is_wrong_before_soap_begins_is_said_in_plain_text(door, given, status, words):
    answer = door.call(post_message(), **given)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert words in answer.body
    assert not door.operations.posted


def test_a_message_past_the_limit_says_the_limit(make_door):
    door = make_door()
    answer = door.call(post_message(), length="3000000000")
    assert answer.outcome == "413 Client"
    assert re.fullmatch(r"The request is larger than \d+ bytes", answer.reason)
