"""Whatever is sent, the answer is the right one or a clean fault, and nothing of a refused message is kept."""

import re

import pytest

from gateway.soap.limits import SoapLimits
from tests.soap.messages import ACTION, NAMESPACE, envelope, get_message, post_message, verify_message

SCHEMA = "http://www.w3.org/2001/XMLSchema"
XSI = f'xmlns:i="{SCHEMA}-instance"'
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
MEMBERS = [
    "ContentDescription",
    "ContentType",
    "Contents",
    "ExpectedSigner",
    "ShortContentDescription",
    "SignatureReason",
]
OK, CLIENT, PARAMETER = "200", "500 Client", "500 InvalidParameter"
BILLION_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "lollollollol">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + "]>"
).encode()
LARGE = "AAAA" * 20_000
"""Base64 of more than stays in memory, so that the content store is involved."""


def request(attributes="", inner=""):
    return envelope(f'<PostSignRequest xmlns="{NAMESPACE}"><request {attributes}>{inner}</request></PostSignRequest>')


def replaced(message, old, new):
    assert old.encode() in message
    return message.replace(old.encode(), new.encode())


def wrong_order():
    return request(
        inner="<ShortContentDescription>s</ShortContentDescription><ContentType>Pdf</ContentType><Contents/>",
    )


def hostile_bodies():
    """name: (body, outcome in compatible mode, outcome in strict mode where it differs)."""
    header = "<s:Header>{}</s:Header>".format
    post = post_message
    return {
        "plain, with the mustUnderstand Action of the samples": (post(), OK),
        "without a header": (post(header=""), OK),
        "malformed": (f'<s:Envelope xmlns:s="{SOAP11}"><s:Body><'.encode(), CLIENT),
        "cut off": (post()[:-30], CLIENT),
        "cut off after a large content": (post(content=LARGE)[:-120], CLIENT),
        "no bytes at all": (b"", CLIENT),
        "white space only": (b" \n ", CLIENT),
        "not SOAP": (b"<x/>", CLIENT),
        "JSON": (b'{"request": {}}', CLIENT),
        "SOAP 1.2 envelope": (
            replaced(post(), SOAP11, "http://www.w3.org/2003/05/soap-envelope"),
            "500 VersionMismatch",
        ),
        "envelope without a namespace": (b"<Envelope><Body/></Envelope>", "500 VersionMismatch"),
        "empty Body": (envelope(""), CLIENT),
        "text in the Body": (envelope("PostSignRequest"), CLIENT),
        "no Body": (f'<s:Envelope xmlns:s="{SOAP11}"><s:Header/></s:Envelope>'.encode(), CLIENT),
        "two Bodies": (replaced(post(), "</s:Body>", "</s:Body><s:Body/>"), CLIENT),
        "two elements in the Body": (replaced(post(), "</s:Body>", "<x/></s:Body>"), CLIENT),
        "two operations in the Body": (
            envelope(f'<GetSignResponse xmlns="{NAMESPACE}"/><GetSignResponse xmlns="{NAMESPACE}"/>'),
            CLIENT,
        ),
        "Header after the Body": (replaced(post(header=""), "</s:Body>", "</s:Body><s:Header/>"), CLIENT),
        "element after the Body": (replaced(post(), "</s:Body>", "</s:Body><x/>"), CLIENT),
        "wrong namespace": (post(namespace="https://wrong"), CLIENT),
        "namespace with a slash": (post(namespace=NAMESPACE + "/"), CLIENT),
        "unknown operation": (envelope(f'<Nope xmlns="{NAMESPACE}"/>'), CLIENT),
        "a response sent as a request": (envelope(f'<GetSignResponseResponse xmlns="{NAMESPACE}"/>'), CLIENT),
        "a fault sent as a request": (envelope("<s:Fault><faultcode>s:Client</faultcode></s:Fault>"), CLIENT),
        "unknown mustUnderstand header": (
            post(header=header('<X s:mustUnderstand="1" xmlns="urn:z">1</X>')),
            "500 MustUnderstand",
        ),
        "unknown mustUnderstand header for somebody else": (
            post(header=header('<X s:mustUnderstand="1" s:actor="urn:other" xmlns="urn:z"/>')),
            OK,
        ),
        "unknown mustUnderstand header for the next": (
            post(header=header(f'<X s:mustUnderstand="1" s:actor="{SOAP11.replace("envelope/", "actor/next")}"/>')),
            "500 MustUnderstand",
        ),
        "unknown header that need not be understood": (
            post(header=header('<X s:mustUnderstand="0" xmlns="urn:z"><deep><er>1</er></deep></X>')),
            OK,
        ),
        "Action in another namespace": (
            post(header=header('<Action s:mustUnderstand="1" xmlns="urn:z">1</Action>')),
            "500 MustUnderstand",
        ),
        "base64 !!!!": (post(content="!!!!"), PARAMETER),
        "base64 of three letters": (post(content="AAA"), PARAMETER),
        "base64 with padding inside": (post(content="AA==AAAA"), PARAMETER),
        "base64 with padding between pieces": (post(content="AA==<!-- c -->AAAA"), PARAMETER),
        "base64 of padding": (post(content="===="), PARAMETER),
        "base64 with too much padding": (post(content="AAAA===="), PARAMETER),
        "base64 of other alphabets": (post(content="AA-_"), PARAMETER),
        "base64 in full width letters": (post(content="ＡＡＡＡ"), PARAMETER),
        "base64 with line breaks": (post(content="AA\nAA \t\r\n"), OK),
        "base64 as CDATA": (post(content="<![CDATA[AAAA]]>"), OK),
        "base64 with a character reference": (post(content="&#65;AAA"), OK),
        "base64 with a comment": (post(content="AA<!-- c -->AA"), OK),
        "base64 with an element": (post(content="AA<b/>AA"), PARAMETER),
        "large base64 that ends badly": (post(content=LARGE + "A"), PARAMETER),
        "large base64 and an element": (post(content=LARGE + "<b/>"), PARAMETER),
        "xop:Include of MTOM": (
            post(content='<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:1"/>'),
            PARAMETER,
        ),
        "empty base64": (post(content=""), OK),
        "unknown enumeration value": (post(content_type="Nope"), PARAMETER),
        "enumeration in another case": (post(content_type="pdf"), PARAMETER),
        "empty enumeration value": (post(content_type=""), PARAMETER),
        "boolean yes": (post(more="<MultipleSignatures>yes</MultipleSignatures>"), PARAMETER),
        "boolean empty": (post(more="<MultipleSignatures/>"), PARAMETER),
        "boolean nil": (post(more=f'<MultipleSignatures {XSI} i:nil="true"/>'), PARAMETER),
        "boolean 1 between spaces": (post(more="<MultipleSignatures> 1 </MultipleSignatures>"), OK),
        "number that is none": (
            post(extra="<ExpectedSigner><DelegatedRoleID>x</DelegatedRoleID><ID/></ExpectedSigner>"),
            PARAMETER,
        ),
        "number past 32 bits": (
            post(extra="<ExpectedSigner><DelegatedRoleID>2147483648</DelegatedRoleID><ID/></ExpectedSigner>"),
            PARAMETER,
        ),
        "number of a million digits": (
            post(extra=f"<ExpectedSigner><DelegatedRoleID>{'9' * 900_000}</DelegatedRoleID><ID/></ExpectedSigner>"),
            PARAMETER,
        ),
        "xsi:nil=false": (replaced(post(), "<Content>", f'<Content {XSI} i:nil="false">'), OK),
        "xsi:nil=0": (replaced(post(), "<Content>", f'<Content {XSI} i:nil="0">'), OK),
        "xsi:nil=perhaps": (replaced(post(), "<Content>", f'<Content {XSI} i:nil="perhaps">'), PARAMETER),
        "xsi:nil=true with a value": (replaced(post(), "<Content>", f'<Content {XSI} i:nil="true">'), PARAMETER),
        "xsi:nil=1 with elements": (replaced(post(), "<Contents>", f'<Contents {XSI} i:nil="1">'), PARAMETER),
        "nil in Contents": (
            replaced(post(), "<SignContent>", f'<SignContent {XSI} i:nil="true"/><SignContent>'),
            PARAMETER,
        ),
        "wrong member order": (wrong_order(), PARAMETER),
        "wrong order after a large content": (
            replaced(post(content=LARGE), "</Contents>", "</Contents><ContentDescription/>"),
            PARAMETER,
        ),
        "a member twice": (post(extra="<ExpectedSigner/><ExpectedSigner/>"), PARAMETER),
        "unknown element": (post(extra="<Zzz>1</Zzz>"), OK, PARAMETER),
        "unknown element of another namespace": (post(extra='<z:Z xmlns:z="urn:z"><z:Contents/></z:Z>'), OK, PARAMETER),
        "unknown element in a content": (post(more="<Aaa><Content>!!!!</Content></Aaa>"), OK, PARAMETER),
        "unknown attribute": (replaced(post(), "<request>", '<request z="1">'), OK, PARAMETER),
        "member without a namespace": (
            replaced(post(), "<ContentType>", '<ContentType xmlns="">'),
            PARAMETER,
        ),
        "text between members": (replaced(post(), "<Contents>", "lost<Contents>"), PARAMETER),
        "no request element": (envelope(f'<PostSignRequest xmlns="{NAMESPACE}"/>'), PARAMETER),
        "nil request": (
            envelope(f'<PostSignRequest xmlns="{NAMESPACE}"><request {XSI} i:nil="true"/></PostSignRequest>'),
            PARAMETER,
        ),
        "empty request": (request(), PARAMETER),
        "empty DTD": (b"<!DOCTYPE s:Envelope [ ]>" + post(), CLIENT),
        "DTD with a system identifier": (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + post(), CLIENT),
        "internal entity": (b'<!DOCTYPE x [<!ENTITY e "EXPANDED">]>' + post(short="a&e;b"), CLIENT),
        "external entity": (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + post(short="&e;"), CLIENT),
        "parameter entity": (b'<!DOCTYPE x [<!ENTITY % e SYSTEM "file:///etc/hostname"> %e;]>' + post(), CLIENT),
        "entity in an attribute": (
            b'<!DOCTYPE x [<!ENTITY a "b">]>' + replaced(post(), "<request>", '<request z="&a;">'),
            CLIENT,
        ),
        "undeclared entity": (post(short="&nbsp;"), CLIENT),
        "billion laughs": (BILLION_LAUGHS + post(short="&j;"), CLIENT),
        "processing instruction": (post(short="<?php echo 1?>"), CLIENT),
        "processing instruction before the envelope": (b"<?xml-stylesheet href='x'?>" + post(), CLIENT),
        "href loop": (
            envelope(
                f'<PostSignRequest xmlns="{NAMESPACE}"><request id="a"><x href="#a"/></request>'
                '<request href="#a"/></PostSignRequest>'
            ),
            PARAMETER,
        ),
        "dangling href": (request('href="#nope"'), PARAMETER),
        "unknown xsi:type": (
            replaced(post(), "<request>", f'<request {XSI} i:type="q:Foo" xmlns:q="urn:q">'),
            PARAMETER,
        ),
        "xsi:type of another structure": (
            replaced(post(), "<request>", f'<request {XSI} xmlns:q="{NAMESPACE}" i:type="q:SignContent">'),
            PARAMETER,
        ),
        "xsi:type with an undeclared prefix": (
            replaced(post(), "<request>", f'<request {XSI} i:type="q:X">'),
            PARAMETER,
        ),
        "the right xsi:type": (
            replaced(post(), "<request>", f'<request {XSI} xmlns:q="{NAMESPACE}" i:type="q:SignRequest">'),
            OK,
        ),
        "the right xsi:type by the default namespace": (
            replaced(post(), "<request>", f'<request {XSI} i:type="SignRequest">'),
            OK,
        ),
        "xsi:type xsd:string on an enumeration": (
            replaced(
                post(),
                "<ContentType>",
                f'<ContentType {XSI} xmlns:x="{SCHEMA}" i:type="x:string">',
            ),
            OK,
            PARAMETER,
        ),
        "UTF-16 under a utf-8 header": (post(short="ă").decode().encode("utf-16"), OK),
        "UTF-16 without a mark": (post(short="ă").decode().encode("utf-16-be"), OK),
        "UTF-16 cut in the middle of a character": (post(short="ă").decode().encode("utf-16")[:-1], CLIENT),
        "UTF-16 with a lone surrogate": (
            post(short="x").decode().encode("utf-16-le").replace("x</".encode("utf-16-le"), b"\x00\xd8<\0/\0"),
            CLIENT,
        ),
        "UTF-32": (post().decode().encode("utf-32"), CLIENT),
        "UTF-8 with a mark": (b"\xef\xbb\xbf" + post(), OK),
        "a declaration that contradicts the header": (b'<?xml version="1.0" encoding="utf-16"?>' + post(short="ă"), OK),
        "XML 1.1": (b'<?xml version="1.1"?>' + post(), OK),
        "NUL character reference": (post(short="&#0;"), CLIENT),
        "bad UTF-8": (post(short="x").replace(b">x<", b">\xff\xfe<"), CLIENT),
        "a control character": (post(short="\x01"), CLIENT),
        "data after the envelope": (post() + b"<x/>", CLIENT),
        "an undeclared prefix": (post(extra="<q:a/>"), CLIENT, PARAMETER),
        "the same attribute by two prefixes": (
            replaced(post(), "<Content>", f'<Content {XSI} xmlns:j="{SCHEMA}-instance" i:nil="true" j:nil="false">'),
            CLIENT,
        ),
        "a prefix unbound": (replaced(post(), "<request>", '<request xmlns:q="">'), CLIENT),
        "a relative namespace": (replaced(post(), "<request>", '<request xmlns:q="urn">'), OK),
        "an undeclared prefix of a member": (replaced(post(), "<Contents>", "<Contents><q:SignContent/>"), PARAMETER),
        "an undeclared prefix of an attribute": (
            replaced(post(), "<request>", '<request i:nil="true">'),
            CLIENT,
            PARAMETER,
        ),
        "the same attribute twice": (replaced(post(), "<request>", '<request a="1" a="2">'), CLIENT),
        "300 levels deep": (post(extra="<a>" * 300 + "</a>" * 300), CLIENT, PARAMETER),
        "300 levels deep in a header": (post(header=header("<a>" * 300 + "</a>" * 300)), CLIENT),
        "elements in a text": (post(short="<a>" * 300 + "</a>" * 300), PARAMETER),
        "two megabytes of text": (post(short="x" * (2 << 20)), PARAMETER),
        "two megabytes of unknown text": (post(extra=f"<Z>{'x' * (2 << 20)}</Z>"), OK, PARAMETER),
        "two megabytes of white space": (replaced(post(), "<Contents>", " " * (2 << 20) + "<Contents>"), OK),
        "base64 of character references": (post(content="&#65;" * 100_000), CLIENT),
        "base64 with a character reference in each line": (post(content=("A" * 76 + "&#13;\n") * 5000), OK),
        "base64 cut up by comments": (post(content="A<!---->" * 100_000), CLIENT),
        "a hundred thousand comments": (replaced(post(), "<Contents>", "<!---->" * 100_000 + "<Contents>"), CLIENT),
        "unknown text of character references": (post(extra=f"<Z>{'&#65;' * 100_000}</Z>"), CLIENT, PARAMETER),
        "a hundred thousand elements": (post(extra="<Z/>" * 100_000), CLIENT, PARAMETER),
        "a hundred attributes": (
            replaced(post(), "<request>", "<request {}>".format(" ".join(f'a{i}="1"' for i in range(100)))),
            CLIENT,
        ),
        "a hundred namespaces": (
            replaced(post(), "<request>", "<request {}>".format(" ".join(f'xmlns:a{i}="u"' for i in range(100)))),
            CLIENT,
        ),
        "a long attribute": (replaced(post(), "<request>", f'<request a="{"x" * 100_000}">'), CLIENT),
        "a long attribute in a header": (post(header=header(f'<X a="{"x" * 100_000}"/>')), CLIENT),
        "a thousand and one contents": (
            replaced(post(), "<Contents>", "<Contents>" + "<SignContent/>" * 1000),
            PARAMETER,
        ),
    }


BODIES = hostile_bodies()


def assert_clean(answer):
    """A fault tells a code and a sentence, and nothing else of us."""
    if answer.status == 200:
        assert b"Fault" not in answer.body
        return
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert re.fullmatch(r"[A-Za-z]+", answer.code), "no dots"
    for unwanted in (b"faultactor", b"detail", b"xml:lang", b"Traceback", b"lxml", b"spyne", b".py", b"root:"):
        assert unwanted not in answer.body
    assert 0 < len(answer.reason) < 600


def check(door, body, expected, **more):
    answer = door.call(body, **more)
    assert answer.outcome == expected
    assert_clean(answer)
    if answer.status != 200:
        assert door.contents.names() == []
        assert not door.operations.posted
    return answer


@pytest.mark.parametrize("name", BODIES)
def test_every_hostile_body_has_its_answer(door, name):
    body, expected, *_ = BODIES[name]
    check(door, body, expected)


@pytest.mark.parametrize("name", BODIES)
def test_strict_mode_refuses_what_the_other_passes_over(make_door, name):
    body, *expected = BODIES[name]
    check(make_door(strict=True), body, expected[-1], action=f'"{ACTION}PostSignRequest"')


@pytest.mark.parametrize("name", BODIES)
def test_every_hostile_body_has_the_same_answer_byte_by_byte(door, name):
    """Where the network cuts a message says nothing about it."""
    body, expected, *_ = BODIES[name]
    step = 1 if len(body) < 5000 else 4093

    class Drops:
        def __init__(self):
            self.at = 0

        def read(self, _size):
            self.at += step
            return body[self.at - step : self.at]

    check(door, Drops(), expected, length=str(len(body)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"action": '"urn:nope"'}, CLIENT),
        ({"action": f'"{ACTION}GetSignResponse"'}, CLIENT),
        ({"action": f"{ACTION}PostSignRequest"}, OK),
        ({"action": f'"{ACTION}PostSignRequest"'}, OK),
        ({"action": ""}, OK),
        ({"action": '""'}, OK),
        ({"method": "PUT"}, "405"),
        ({"method": "DELETE"}, "405"),
        ({"method": "OPTIONS"}, "405"),
        ({"path": "/"}, "404"),
        ({"path": "/MSign.svc/PostSignRequest"}, "404"),
        ({"path": "/other/MSign.svc"}, "404"),
        ({"path": "/MSign.svc/"}, OK),
        ({"content_type": None}, "415"),
        ({"content_type": ""}, "415"),
        ({"content_type": "application/soap+xml; charset=utf-8"}, "415"),
        ({"content_type": "multipart/related; type=text/xml; boundary=x"}, "415"),
        ({"content_type": "application/xml"}, "415"),
        ({"content_type": "text/xml"}, OK),
        ({"content_type": 'TEXT/XML; charset="UTF-8"; action=x'}, OK),
        ({"content_type": "text/xml; charset=bogus"}, CLIENT),
        ({"content_type": "text/xml; charset=iso-8859-1"}, CLIENT),
        ({"content_type": "text/xml; charset=utf-16"}, CLIENT),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, "415"),
        ({"HTTP_CONTENT_ENCODING": "identity"}, OK),
        ({"length": "3000000000"}, "413 Client"),
        ({"length": "abc"}, "400"),
        ({"length": "-1"}, "400"),
        ({"length": "+5"}, "400"),
        ({"length": "9" * 5000}, "400"),
        ({"length": ""}, "411"),
        ({"length": "", "wsgi.input_terminated": True}, OK),
        ({"length": "", "HTTP_TRANSFER_ENCODING": "chunked"}, OK),
        ({"length": "100"}, CLIENT),
        ({"length": "5000"}, CLIENT),
        ({"length": "0"}, CLIENT),
    ],
)
def test_http_rules_come_first(door, given, expected):
    answer = door.call(post_message(), **given)
    assert answer.outcome == expected
    if expected != OK:
        assert not door.operations.posted


def test_a_refused_method_names_those_that_are_not(door):
    assert door.call(method="PATCH").headers["Allow"] == "GET, HEAD, POST"


def test_strict_mode_wants_the_action(make_door):
    assert make_door(strict=True).call(post_message()).outcome == CLIENT


def test_a_body_without_a_length_is_read_to_the_limit_and_no_further(make_door):
    door = make_door(limits=SoapLimits(body=10_000))

    class Endless:
        taken = 0

        def read(self, size):
            self.taken += size
            return b" " * size

    endless = Endless()
    answer = door.call(endless, length="", **{"wsgi.input_terminated": True})
    assert answer.outcome == "413 Client"
    assert endless.taken < 200_000


def test_a_document_past_its_limit_is_refused_while_it_arrives(make_door):
    door = make_door(limits=SoapLimits(document=30_000))
    answer = door.call(post_message(content="A" * 41_000))
    assert (answer.outcome, answer.reason) == (PARAMETER, "Contents[0].Content: is larger than 30000 bytes")
    assert door.contents.names() == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            wrong_order(),
            f"ContentType: is out of order; the order is {', '.join(MEMBERS)}",
        ),
        (
            post_message(content="!"),
            "Contents[0].Content: is not valid base64: letters, digits, + and /, filled up with = to a multiple of four",
        ),
        (post_message(content_type="Doc"), "ContentType: must be one of Hash, Pdf"),
        (
            post_message(more="<MultipleSignatures>maybe</MultipleSignatures>"),
            "Contents[0].MultipleSignatures: must be true or false",
        ),
        (
            post_message(more="<Name/><CorrelationID>1</CorrelationID>"),
            "Contents[0].CorrelationID: is out of order; the order is Content, CorrelationID, MultipleSignatures, Name",
        ),
        (post_message(extra="<ContentType>Pdf</ContentType>"), "ContentType: occurs more than once"),
        (
            post_message(extra="<ExpectedSigner><ID><x/></ID></ExpectedSigner>"),
            "ExpectedSigner.ID: must hold a value and no elements",
        ),
        (request(inner="<Contents/>"), "ContentType: is required"),
        (request('href="#1"'), "request: is a reference (href); values are sent in place"),
        (envelope(f'<PostSignRequest xmlns="{NAMESPACE}"/>'), "request: is required"),
        (
            envelope(f'<q:GetSignResponse xmlns:q="{NAMESPACE}"><requestID>1</requestID></q:GetSignResponse>'),
            f"requestID: is sent without a namespace; elements of this contract are qualified by {NAMESPACE}",
        ),
        (get_message(language="<language>de</language>"), "language: must be ro, ru or en"),
        (verify_message(language="<Language>fr</Language>"), "Language: must be ro, ru or en"),
        (
            verify_message(kind="Hash", content=f"<Content>{LARGE}</Content>"),
            "Contents[0].Content: a hash must have 20, 32, 48 or 64 bytes",
        ),
        (replaced(verify_message(), "<Signature>AAAA</Signature>", ""), "Contents[0].Signature: is required"),
    ],
)
def test_an_invalid_parameter_is_named(door, body, reason):
    answer = door.call(body)
    assert (answer.outcome, answer.reason) == (PARAMETER, reason)


def test_strict_mode_names_what_is_unknown_or_missing(make_door):
    door = make_door(strict=True)
    action = f"{ACTION}PostSignRequest"
    assert door.call(post_message(extra="<Zz/>"), action=action).reason == "request: holds the unknown element Zz"
    assert door.call(post_message(more="<Zz/>"), action=action).reason == "Contents[0]: holds the unknown element Zz"
    missing = post_message(extra="<ExpectedSigner/>")
    assert door.call(missing, action=action).reason == "ExpectedSigner.ID: is required"
    nil = replaced(post_message(), "<Content>AAAA</Content>", f'<Content {XSI} i:nil="true"/>')
    assert door.call(nil, action=action).outcome == OK


def test_a_caller_cannot_put_markup_into_a_fault(door):
    answer = door.call(post_message(header='<s:Header><X.-ă s:mustUnderstand="1"/></s:Header>'))
    assert answer.outcome == "500 MustUnderstand"
    assert "&lt;" not in answer.reason
    answer = door.call(envelope(f'<PostSignRequest xmlns="{NAMESPACE}"><request><A&lt;/></request></PostSignRequest>'))
    assert answer.outcome == CLIENT


def test_nothing_large_that_can_only_be_a_hash_is_stored(door):
    """A document sent beside a signed PDF is not needed, and a hash is never large."""
    answer = door.call(verify_message(content=f"<Content>{LARGE}</Content>"))
    assert answer.outcome == OK
    assert door.operations.verified[0].contents[0].content is None
    assert door.contents.names() == []
