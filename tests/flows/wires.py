"""HTTP and TLS by hand, for peers that do not behave."""

from __future__ import annotations

import socket
import ssl

from gateway.soap.contract import ACTION_PREFIX

ASKING = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    b'<GetSignResponse xmlns="https://msign.gov.md"><requestID>00000000000000000000000000000000</requestID>'
    b"</GetSignResponse></s:Body></s:Envelope>"
)


def verifying(signature):
    """A VerifySignatures message over one content, with *signature* in base64 as it is."""
    return (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        b'<VerifySignatures xmlns="https://msign.gov.md"><request><Contents><VerificationContent>'
        b"<Content>" + b"A" * 27 + b"=</Content><Signature>" + signature + b"</Signature>"
        b"</VerificationContent></Contents><Language>en</Language><SignedContentType>Hash</SignedContentType>"
        b"</request></VerifySignatures></s:Body></s:Envelope>"
    )


def head(operation, *lines, path="/MSign.svc"):
    """A POST's head; *lines* are further headers."""
    first = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: text/xml; charset=utf-8",
        f'SOAPAction: "{ACTION_PREFIX}{operation}"',
        *lines,
    ]
    return "\r\n".join(first).encode() + b"\r\n\r\n"


def context(sandbox, *, known=True):
    """A client's TLS; *known* brings the consumer's certificate."""
    made = ssl.create_default_context(cafile=str(sandbox.tls_anchor_file))
    if known:
        made.load_cert_chain(*map(str, sandbox.consumer_files))
    return made


def connect(places, sandbox, *, known=True, port=None):
    """A connection to the SOAP port, its handshake done; or a plain one to *port*."""
    line = socket.create_connection(("127.0.0.1", port or places.soap_port), timeout=30)
    return line if port else context(sandbox, known=known).wrap_socket(line, server_hostname="localhost")


def rest(line):
    """All that still comes, until the other side is done; nothing where it was cut off."""
    pieces = []
    try:
        while piece := line.recv(65536):
            pieces.append(piece)
    except (ConnectionError, ssl.SSLError):
        pass
    return b"".join(pieces)


def answer(line):
    """One response: its status line, and its body by Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        piece = line.recv(65536)
        if not piece:
            return got.partition(b"\r\n")[0], b""
        got += piece
    header, _, body = got.partition(b"\r\n\r\n")
    (length,) = [int(one.partition(b":")[2]) for one in header.split(b"\r\n") if one.lower().startswith(b"content-len")]
    while len(body) < length:
        piece = line.recv(65536)
        if not piece:
            break
        body += piece
    assert len(body) == length
    return header.partition(b"\r\n")[0], body


def half_a_handshake(sandbox):
    """The beginning of a ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context(sandbox).wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()[:60]
    raise AssertionError
