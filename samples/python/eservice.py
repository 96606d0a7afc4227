"""
A whole e-service: one page with a button, a signature request, the way to the sign page and back, the signed result.

It is what a consumer writes, on zeep and the standard library alone. Try it against the demo:

    ./gw demo                                   # in one terminal
    .venv/bin/python samples/python/eservice.py --data demo-data      # in another; open the address it prints

Against a gateway of your own give --wsdl, --pages, --certificate, --key and --authority.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import requests
import zeep
from zeep.transports import Transport

DOCUMENT = b"I agree to everything.\n"
BODY_LIMIT = 64 * 1024


class MSign:
    """The three operations of the contract, by a client generated from the WSDL."""

    def __init__(self, wsdl: str, certificate: str, key: str, authority: str) -> None:
        session = requests.Session()
        session.trust_env = False  # otherwise REQUESTS_CA_BUNDLE would override `verify`
        session.cert = (certificate, key)
        session.verify = authority
        self.client = zeep.Client(wsdl, transport=Transport(session=session, timeout=60))

    def post(self, digest: bytes, person: str | None) -> str:
        request = {
            "ContentDescription": "Your agreement with the sample e-service",
            "ContentType": "Hash",
            "Contents": {"SignContent": [{"Content": digest, "CorrelationID": "agreement", "Name": "agreement.txt"}]},
            "ShortContentDescription": "Sample agreement",
        }
        if person:
            request["ExpectedSigner"] = {"ID": person}
        return self.client.service.PostSignRequest(request=request)

    def get(self, request_id: str, language: str):
        return self.client.service.GetSignResponse(requestID=request_id, language=language)

    def verify(self, digest: bytes, signature: bytes, language: str):
        request = {
            "Contents": {"VerificationContent": [{"Content": digest, "Signature": signature}]},
            "Language": language,
            "SignedContentType": "Hash",
        }
        answer = self.client.service.VerifySignatures(request=request)
        return getattr(answer, "Results", answer).VerificationResult[0]  # zeep unwraps a single child


class EService(BaseHTTPRequestHandler):
    """Three addresses: the page, the button, and where browsers return to."""

    msign: MSign
    pages: str
    waiting: dict[str, str]  # RelayState → request id: what comes back must be what was sent

    def do_GET(self) -> None:
        self.show(
            "<h1>Sample e-service</h1><form method=post action=/sign><label>Your number "
            "<input name=person inputmode=numeric></label> <button>Sign the agreement</button></form>"
        )

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), BODY_LIMIT)
        fields = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        if self.path == "/sign":
            self.sign(fields.get("person"))
        else:
            self.back(fields)

    def sign(self, person: str | None) -> None:
        try:
            request_id = self.msign.post(hashlib.sha256(DOCUMENT).digest(), person)
        except zeep.exceptions.Fault as fault:  # an invalid number: say so here, do not send the signer away
            self.show(f"<h1>Not possible</h1><p>{html.escape(str(fault.message))}</p>")
            return
        state = secrets.token_urlsafe(16)
        self.waiting[state] = request_id
        back = f"http://localhost:{self.server.server_address[1]}/back"
        self.show(
            f"<h1>To the sign page</h1><form method=post action='{html.escape(self.pages + request_id)}'>"
            f"<input type=hidden name=ReturnUrl value='{html.escape(back)}'>"
            f"<input type=hidden name=RelayState value='{state}'><button>Continue</button></form>"
        )

    def back(self, fields: dict[str, str]) -> None:
        request_id = self.waiting.pop(fields.get("RelayState", ""), None)
        if request_id is None or request_id != fields.get("RequestID"):
            self.show("<h1>This is not something that was asked for</h1>")
            return
        response = self.msign.get(request_id, "en")
        if response.Status != "Success":
            self.show(f"<h1>{html.escape(response.Status)}</h1><p>{html.escape(response.Message or '')}</p>")
            return
        signature = response.Results.SignResult[0].Signature
        result = self.msign.verify(hashlib.sha256(DOCUMENT).digest(), signature, "en")
        self.show(f"<h1>{response.Status}</h1><p>{len(signature)} bytes. {html.escape(result.Message)}</p>")

    def show(self, body: str) -> None:
        page = f"<!doctype html><html lang=en><meta charset=utf-8><title>e-service</title>{body}</html>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_args: object) -> None:
        pass


def main() -> None:
    options = argparse.ArgumentParser(description="A sample e-service.")
    options.add_argument("--data", type=Path, default=Path("demo-data"), help="the demo's folder")
    options.add_argument("--wsdl", default="https://localhost:8443/MSign.svc?singleWsdl")
    options.add_argument("--pages", default="http://localhost:8080/", help="the sign pages' address")
    options.add_argument("--certificate", help="client certificate (PEM)")
    options.add_argument("--key", help="its private key (PEM)")
    options.add_argument("--authority", help="the authority of the gateway's own certificate (PEM)")
    options.add_argument("--port", type=int, default=8000)
    given = options.parse_args()
    sandbox = given.data / "sandbox"
    EService.msign = MSign(
        given.wsdl,
        given.certificate or str(sandbox / "certificates" / "consumer.pem"),
        given.key or str(sandbox / "private" / "consumer.pem"),
        given.authority or str(sandbox / "anchors" / "consumers" / "tls.pem"),
    )
    EService.pages = given.pages
    EService.waiting = {}
    server = ThreadingHTTPServer(("localhost", given.port), EService)
    print(f"open http://localhost:{server.server_address[1]}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
