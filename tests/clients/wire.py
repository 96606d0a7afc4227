"""
The three operations by hand: XML out, XML in, no SOAP library. What stands on the wire, to hold clients' readings against.
"""

from __future__ import annotations

from typing import Any

import requests
from lxml import etree
from lxml.builder import ElementMaker

from tests.clients.town import ClientTown

NAMESPACE = "https://msign.gov.md"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_ITEM = {"SignContent", "SignResult", "VerificationContent", "VerificationResult", "VerificationCertificate"}
_FLAGS = {"SignaturesValid", "SignatureValid"}
_CONTENT = {"PostSignRequest": "SignContent", "VerifySignatures": "VerificationContent"}
_MAKE = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE})
_SOAP = ElementMaker(namespace=ENVELOPE, nsmap={"s": ENVELOPE})


def call(town: ClientTown, step: dict[str, Any]) -> dict[str, Any]:
    """One step of a scenario, answered as a program would print it (README.md)."""
    operation, identity = step["operation"], town.identities[step["identity"]]
    if operation == "GetSignResponse":
        parameters = [_MAKE(name, step[name]) for name in ("requestID", "language") if name in step]
    else:
        parameters = [_written("request", step["request"], _CONTENT[operation])]
    answer = requests.post(
        town.soap,
        etree.tostring(_SOAP("Envelope", _SOAP("Body", _MAKE(operation, *parameters))), encoding="utf-8"),
        headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{NAMESPACE}/IMSign/{operation}"'},
        cert=(str(identity.certificate), str(identity.key)),
        verify=str(town.sandbox.tls_anchor_file),
        timeout=60,
    )
    body = etree.fromstring(answer.content).find(f"{{{ENVELOPE}}}Body")
    fault = body.find(f"{{{ENVELOPE}}}Fault")
    if fault is not None:
        assert answer.status_code == 500
        code = fault.findtext("faultcode").rpartition(":")[2]
        return {"name": step["name"], "fault": {"code": code, "string": fault.findtext("faultstring")}}
    assert answer.status_code == 200
    result = body.find(f"{{{NAMESPACE}}}{operation}Response/{{{NAMESPACE}}}{operation}Result")
    read = _read(result)
    return {"name": step["name"], "result": {f"{operation}Result": read} if isinstance(read, str) else read}


def _written(name: str, value: Any, item: str) -> Any:
    """Members in the alphabetical order of the contract."""
    if isinstance(value, dict):
        return _MAKE(name, *(_written(member, value[member], item) for member in sorted(value)))
    if isinstance(value, list):
        return _MAKE(name, *(_written(item, one, item) for one in value))
    if isinstance(value, bool):
        return _MAKE(name, str(value).lower())
    return _MAKE(name, str(value))


def _read(element: Any) -> Any:
    name = etree.QName(element).localname
    if element.get(_NIL) in ("true", "1"):
        return None
    children = list(element)
    if children and etree.QName(children[0]).localname in _ITEM:
        return [_read(child) for child in children]
    if children:
        return {etree.QName(child).localname: _read(child) for child in children}
    if name in _FLAGS:
        return {"true": True, "false": False}[element.text]
    return element.text or ""
