"""A client that we did not write, built from the published contract alone, over HTTP."""

import hashlib
import os
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import requests
import zeep
from zeep.transports import Transport

from gateway.domain.indications import Indication
from gateway.domain.messages import MessageKey
from gateway.domain.requests import SignStatus
from gateway.domain.verification import VerificationResult
from gateway.errors import InvalidRequest
from gateway.operations.get_sign_response import SignResponse
from gateway.soap.faults import FaultCodeForm
from tests.soap.doors import make_certificate
from tests.soap.test_answers import conclusion


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments):
        """Nothing."""


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Served:
    """A door over HTTP on loopback; the certificate is set beside the connection, for TLS is not this room's."""

    def __init__(self, make_door, **options):
        self.server = make_server("127.0.0.1", 0, self.application, Threaded, Quiet)
        self.location = f"http://127.0.0.1:{self.server.server_port}/MSign.svc"
        self.door = make_door(location=self.location, **options)
        self.certificate = self.door.certificate
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.session = requests.Session()
        self.session.trust_env = False

    def application(self, environ, start_response):
        environ["test.certificate"] = self.certificate
        return self.door.application(environ, start_response)

    def client(self, query="wsdl"):
        return zeep.Client(f"{self.location}?{query}", transport=Transport(session=self.session)).service

    def close(self):
        self.session.close()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def served(make_door):
    opened = []

    def serve(**options):
        opened.append(Served(make_door, **options))
        return opened[-1]

    yield serve
    for one in opened:
        one.close()


@pytest.mark.parametrize("query", ["wsdl", "singleWsdl"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_whole_round_from_either_contract(served, query, strict):
    house = served(strict=strict)
    service = house.client(query)
    documents = [os.urandom(100_000), b"%PDF-small"]
    request_id = service.PostSignRequest(
        request={
            "ContentType": "Pdf",
            "ShortContentDescription": "Cerere ă",
            "ExpectedSigner": {"ID": "2000000000007"},
            "Contents": {
                "SignContent": [
                    {"Content": document, "CorrelationID": f"c{index}", "MultipleSignatures": True, "Name": "a.pdf"}
                    for index, document in enumerate(documents)
                ]
            },
        }
    )
    assert house.door.operations.posted[0].expected_signer.personal_identifier == "2000000000007"

    response = service.GetSignResponse(requestID=request_id, language="en")
    assert response.Status == "Success"
    assert response.Message is None
    assert [result.Signature for result in response.Results.SignResult] == documents
    assert [result.CorrelationID for result in response.Results.SignResult] == ["c0", "c1"]

    house.door.operations.results = [
        VerificationResult("v1", (conclusion(indication=Indication.TOTAL_PASSED),), MessageKey.VALID)
    ]
    verified = service.VerifySignatures(
        request={
            "SignedContentType": "Hash",
            "Language": "en",
            "Contents": {
                "VerificationContent": [
                    {"Content": hashlib.sha256(b"").digest(), "Signature": documents[0], "CorrelationID": "v1"}
                ]
            },
        }
    )
    (result,) = getattr(verified, "Results", verified).VerificationResult
    (certificate,) = result.Certificates.VerificationCertificate
    assert (result.SignaturesValid, result.Message, result.CorrelationID) == (True, "valid (en)", "v1")
    assert (certificate.SignatureValid, certificate.Certificate) == (True, b"certificate")


def test_a_pending_request_can_be_read(served):
    house = served()
    house.door.operations.answer = SignResponse(SignStatus.PENDING, None, ())
    response = house.client().GetSignResponse(requestID="0" * 32)
    assert (response.Status, response.Message) == ("Pending", None)
    assert not response.Results.SignResult, "zeep reads a nil list as an empty one"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (FaultCodeForm.ENVELOPE, "s:RequestNotFound"),
        (FaultCodeForm.CONTRACT, "f:RequestNotFound"),
        (FaultCodeForm.PLAIN, "RequestNotFound"),
    ],
)
def test_faults_can_be_read(served, form, code):
    house = served(fault_codes=form)
    with pytest.raises(zeep.exceptions.Fault) as raised:
        house.client().GetSignResponse(requestID="nope")
    assert (raised.value.code, raised.value.message) == (code, "Cannot find such request")


def test_somebody_elses_request_and_strangers_are_refused(served):
    house = served()
    service = house.client()
    house.certificate = make_certificate(0xFF01)
    with pytest.raises(zeep.exceptions.Fault, match="Unknown or unregistered system: FF01"):
        service.GetSignResponse(requestID="0" * 32)
    with pytest.raises(zeep.exceptions.Fault, match="Unknown service consumer: FF01"):
        service.PostSignRequest(request={"ContentType": "Pdf", "ShortContentDescription": "x", "Contents": {}})
    house.certificate = None
    with pytest.raises(zeep.exceptions.Fault, match="Invalid authentication certificate provided"):
        service.GetSignResponse(requestID="0" * 32)


def test_a_refusal_in_the_middle_of_a_large_message_reaches_its_sender(served):
    """The connection is not closed under a client that is still sending, and can be used again."""
    house = served()
    house.door.operations.error = InvalidRequest("Contents[0].Content", "is not a PDF")
    service = house.client()
    contents = {"SignContent": [{"Content": os.urandom(3_000_000)}]}
    for _ in range(2):
        with pytest.raises(zeep.exceptions.Fault, match=r"Contents\[0\].Content: is not a PDF"):
            service.PostSignRequest(
                request={"ContentType": "Pdf", "ShortContentDescription": "x", "Contents": contents}
            )
    assert house.door.contents.names() == []
