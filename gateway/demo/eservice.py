"""The demo's e-service: a zeep client over mutual TLS, and the address that browsers return to."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import requests
import zeep
from zeep.transports import Transport

_TIMEOUT_S = 120
_BODY_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What the e-service wants signed: a hash or a PDF, under its own name for it."""

    correlation_id: str
    name: str
    data: bytes
    multiple_signatures: bool = False


class EService:
    """A consumer as its programmer would write it, on a client generated from our WSDL."""

    def __init__(self, wsdl: str, certificate: tuple[Path, Path], authority: Path) -> None:
        """*certificate*: the client certificate and its key; *authority*: whom the server's certificate is from."""
        logging.getLogger("zeep").setLevel(logging.ERROR)
        session = requests.Session()
        session.trust_env = False
        session.cert = (str(certificate[0]), str(certificate[1]))
        session.verify = str(authority)
        # Otherwise lxml refuses texts above 10 MB, and no large PDF could be fetched.
        settings = zeep.Settings(xml_huge_tree=True)
        self._client = zeep.Client(wsdl, transport=Transport(session=session, timeout=_TIMEOUT_S), settings=settings)

    def post(self, kind: str, contents: Sequence[Content], *, short: str, description: str, expected: str) -> str:
        """PostSignRequest; *kind* is Hash or Pdf, *expected* the person's number. Returns the request's id."""
        request: dict[str, Any] = {
            "ContentDescription": description,
            "ContentType": kind,
            "Contents": {
                "SignContent": [
                    {
                        "Content": content.data,
                        "CorrelationID": content.correlation_id,
                        "MultipleSignatures": content.multiple_signatures,
                        "Name": content.name,
                    }
                    for content in contents
                ]
            },
            "ExpectedSigner": {"ID": expected},
            "ShortContentDescription": short,
        }
        if kind == "Pdf":
            request["SignatureReason"] = "TEST: tried by the demo"
        return str(self._client.service.PostSignRequest(request=request))

    def response(self, request_id: str, language: str = "en") -> Any:
        """GetSignResponse."""
        return self._client.service.GetSignResponse(requestID=request_id, language=language)

    def verify(self, kind: str, items: Sequence[tuple[str, bytes, bytes | None]], language: str) -> list[Any]:
        """VerifySignatures of (correlation id, signature, hash or None); one VerificationResult each."""
        contents = []
        for correlation_id, signature, content in items:
            one: dict[str, Any] = {"CorrelationID": correlation_id, "Signature": signature}
            if content is not None:
                one["Content"] = content
            contents.append(one)
        request = {
            "Contents": {"VerificationContent": contents},
            "Language": language,
            "SignedContentType": kind,
        }
        answer = self._client.service.VerifySignatures(request=request)
        # zeep hands a response with a single child over as that child.
        results = getattr(answer, "Results", answer)
        return list(results.VerificationResult)


class ReturnAddress:
    """Where signers' browsers come back to: a page on localhost that remembers what was posted."""

    def __init__(self) -> None:
        """Listens on a free port of this machine."""
        self.returned: queue.Queue[dict[str, str]] = queue.Queue()
        returned = self.returned

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), _BODY_LIMIT)
                fields = parse_qs(self.rfile.read(length).decode("utf-8", "replace"), keep_blank_values=True)
                returned.put({name: values[0] for name, values in fields.items()})
                body = b"<!doctype html><html lang=en><title>Back</title><h1>Back at the e-service</h1></html>"
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                pass

        self._server = ThreadingHTTPServer(("localhost", 0), Handler)
        self.url = f"http://localhost:{self._server.server_address[1]}/back"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
