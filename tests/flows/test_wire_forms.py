"""Over a served listener: modes, forms of fault codes, Expect, chunks, encodings and the contract's address in any case."""

from __future__ import annotations

import socket

import pytest
import requests
from lxml import etree

from gateway.sandbox.founding import Places
from gateway.sandbox.running import served, set_up
from tests.flows.wires import ASKING, answer, connect, head, rest

ONE_WORKER = {"GATEWAY_SOAP__WORKERS": "1", "GATEWAY_PAGES__WORKERS": "1"}
UNKNOWN = ASKING.replace(b"</requestID>", b"</requestID><Zz/>")
CHARSET = b"Content-Type: text/xml; charset=utf-8"


def serve(tmp_path_factory, free_ports, **environment):
    places = Places(tmp_path_factory.mktemp("forms") / "data", *free_ports(3))
    sandbox = set_up(places)
    with served(places, sandbox, {**ONE_WORKER, **environment}):
        yield places, sandbox


@pytest.fixture(scope="module")
def compatible(tmp_path_factory, free_ports):
    yield from serve(tmp_path_factory, free_ports)


@pytest.fixture(scope="module")
def strict(tmp_path_factory, free_ports):
    """Strict, and with codes as Basic Profile prefers them."""
    settings = {"GATEWAY_SOAP__STRICT": "true", "GATEWAY_SOAP__FAULT_CODES": "contract"}
    yield from serve(tmp_path_factory, free_ports, **settings)


def ask(town, body, *lines, operation="GetSignResponse", content_type=None):
    """Send *body* with its length; status, and the fault's code and text as they stand on the wire."""
    start = head(operation, f"Content-Length: {len(body)}", "Connection: close", *lines)
    if content_type is not None:
        start = start.replace(CHARSET, f"Content-Type: {content_type}".encode())
    return told(town, start + body)


def told(town, request):
    with connect(*town) as line:
        line.sendall(request)
        status, body = answer(line)
    tree = etree.fromstring(body) if body.startswith(b"<") else None
    fault = (None, None) if tree is None else (tree.findtext(".//faultcode"), tree.findtext(".//faultstring"))
    return int(status.split()[1]), *fault


NOT_FOUND = (500, "s:RequestNotFound", "Cannot find such request")


def test_compatible_mode_passes_over_what_strict_mode_names(compatible, strict):
    assert ask(compatible, UNKNOWN) == NOT_FOUND
    refused = "GetSignResponse: holds the unknown element Zz"
    assert ask(strict, UNKNOWN) == (500, "f:InvalidParameter", refused)


def test_a_missing_action_is_found_out_by_the_body_or_asked_for(compatible, strict):
    start = head("GetSignResponse", f"Content-Length: {len(ASKING)}", "Connection: close")
    (action,) = [line for line in start.split(b"\r\n") if line.startswith(b"SOAPAction")]
    without = start.replace(action + b"\r\n", b"")
    empty = start.replace(action, b'SOAPAction: ""')
    for request in (without, empty):
        assert told(compatible, request + ASKING) == NOT_FOUND
        missing = 'The SOAPAction header is missing; it must be "https://msign.gov.md/IMSign/GetSignResponse"'
        assert told(strict, request + ASKING) == (500, "s:Client", missing)


def test_a_wrong_action_is_refused_in_both_modes(compatible, strict):
    for town in (compatible, strict):
        status, code, reason = ask(town, ASKING, operation="PostSignRequest")
        assert (status, code) == (500, "s:Client")
        assert reason.startswith("The SOAPAction header names another operation than the message")


def test_the_prefix_of_a_code_is_declared_where_it_is_used(strict):
    with connect(*strict) as line:
        line.sendall(head("GetSignResponse", f"Content-Length: {len(ASKING)}", "Connection: close") + ASKING)
        _, body = answer(line)
    assert b'<faultcode xmlns:f="https://msign.gov.md">f:RequestNotFound</faultcode>' in body


@pytest.mark.parametrize("query", ["wsdl", "WSDL", "Wsdl", "singleWsdl", "SINGLEWSDL", "xsd=xsd0", "XSD=XSD0"])
def test_the_contract_is_there_in_any_letter_case(compatible, query):
    places, sandbox = compatible
    with requests.Session() as session:
        session.trust_env = False
        found = session.get(
            f"https://localhost:{places.soap_port}/MSign.svc?{query}", verify=str(sandbox.tls_anchor_file), timeout=30
        )
    assert found.status_code == 200
    assert etree.fromstring(found.content).tag in {
        "{http://schemas.xmlsoap.org/wsdl/}definitions",
        "{http://www.w3.org/2001/XMLSchema}schema",
    }


def test_who_expects_100_is_told_to_continue(compatible):
    """As .NET sends every message: the head first, the body when it is asked for."""
    with connect(*compatible) as line:
        line.sendall(
            head("GetSignResponse", f"Content-Length: {len(ASKING)}", "Expect: 100-continue", "Connection: close")
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 100 ")
        line.sendall(ASKING)
        assert b"Cannot find such request" in rest(line)


def test_who_expects_100_and_does_not_wait_is_answered_too(compatible):
    with connect(*compatible) as line:
        line.sendall(
            head("GetSignResponse", f"Content-Length: {len(ASKING)}", "Expect: 100-continue", "Connection: close")
            + ASKING
        )
        assert b"Cannot find such request" in rest(line)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_in_chunks_is_read_as_one(compatible, size):
    pieces = [ASKING[at : at + size] for at in range(0, len(ASKING), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    start = head("GetSignResponse", "Transfer-Encoding: chunked", "Connection: close")
    assert told(compatible, start + chunks) == NOT_FOUND


def test_a_second_message_on_the_connection_is_answered(compatible):
    request = head("GetSignResponse", f"Content-Length: {len(ASKING)}") + ASKING
    with connect(*compatible) as line:
        for _ in range(3):
            line.sendall(request)
            status, body = answer(line)
            assert status.startswith(b"HTTP/1.1 500")
            assert b"Cannot find such request" in body
        line.shutdown(socket.SHUT_RDWR)


TEXT = ASKING.decode().replace("<requestID>", "<!-- ă --><requestID>")
DECLARED = '<?xml version="1.0" encoding="{}"?>'.format
ENCODINGS = {
    "UTF-8": (TEXT.encode(), "text/xml; charset=utf-8"),
    "UTF-8, nothing stated": (TEXT.encode(), "text/xml"),
    "UTF-8 with a mark": (TEXT.encode("utf-8-sig"), "text/xml; charset=utf-8"),
    "UTF-8 with a mark under a header that says UTF-16": (TEXT.encode("utf-8-sig"), "text/xml; charset=utf-16"),
    "UTF-8 that declares UTF-16": ((DECLARED("utf-16") + TEXT).encode(), "text/xml; charset=utf-8"),
    "UTF-8 that declares Latin-1": ((DECLARED("iso-8859-1") + TEXT).encode(), "text/xml; charset=utf-8"),
    "UTF-16 with a mark": (TEXT.encode("utf-16"), "text/xml; charset=utf-16"),
    "UTF-16 with a mark, nothing stated": (TEXT.encode("utf-16"), "text/xml"),
    "UTF-16 with a mark under a header that says UTF-8": (TEXT.encode("utf-16"), "text/xml; charset=utf-8"),
    "UTF-16 without a mark": (TEXT.encode("utf-16-le"), "text/xml; charset=utf-16"),
    "UTF-16 the other way round": (b"\xfe\xff" + TEXT.encode("utf-16-be"), "text/xml; charset=utf-16"),
    "UTF-16 the other way round, without a mark": (TEXT.encode("utf-16-be"), "text/xml"),
    "UTF-16 that declares UTF-8": ((DECLARED("utf-8") + TEXT).encode("utf-16"), "text/xml; charset=utf-16"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_form_of_unicode_is_read(compatible, name):
    """A mark decides, then what the bytes can only be, then the header, then the declaration."""
    body, content_type = ENCODINGS[name]
    assert ask(compatible, body, content_type=content_type) == NOT_FOUND


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (TEXT.encode("utf-8"), "text/xml; charset=iso-8859-2", "The request must be in UTF-8 or UTF-16"),
        ((DECLARED("iso-8859-2") + TEXT).encode(), "text/xml", "The request must be in UTF-8 or UTF-16"),
        (TEXT.encode("utf-16")[:-1], "text/xml; charset=utf-16", "The request is not valid UTF-16"),
    ],
)
def test_other_encodings_are_told_which_are_spoken(compatible, body, content_type, reason):
    assert ask(compatible, body, content_type=content_type) == (500, "s:Client", reason)
