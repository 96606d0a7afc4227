"""MSign by zeep over mutual TLS: what an integrator in Python writes, driven by a scenario (../README.md)."""

import base64
import json
import sys
from datetime import datetime
from pathlib import Path

import requests
import zeep
import zeep.exceptions
from zeep.helpers import serialize_object
from zeep.transports import Transport

BINARY = {"Certificate", "Content", "Signature"}
ITEMS = {"SignContent", "SignResult", "VerificationContent", "VerificationResult", "VerificationCertificate"}
ITEM_OF = {"PostSignRequest": "SignContent", "VerifySignatures": "VerificationContent"}


def connect(wsdl, certificate, key, authority):
    session = requests.Session()
    session.trust_env = False  # otherwise REQUESTS_CA_BUNDLE wins over verify
    session.cert = (certificate, key)
    session.verify = authority
    settings = zeep.Settings(xml_huge_tree=True)  # otherwise no document above 7.5 MB can be fetched
    return zeep.Client(wsdl, transport=Transport(session=session, timeout=60), settings=settings)


def outward(request, item):
    """The scenario's request as zeep takes it: bytes for base64, the array's items under their own name."""
    contents = [
        {name: base64.b64decode(value) if name in BINARY else value for name, value in one.items()}
        for one in request["Contents"]
    ]
    return {**request, "Contents": {item: contents}}


def inward(value):
    """What zeep read, as JSON holds it."""
    if isinstance(value, dict):
        if len(value) == 1 and (only := next(iter(value))) in ITEMS:
            return inward(value[only])
        return {name: inward(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [inward(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def call(service, step):
    operation = step["operation"]
    if operation == "PostSignRequest":
        answer = service.PostSignRequest(request=outward(step["request"], ITEM_OF[operation]))
        return {"PostSignRequestResult": answer}
    if operation == "GetSignResponse":
        answer = service.GetSignResponse(requestID=step.get("requestID"), language=step.get("language"))
        return inward(serialize_object(answer, dict))
    answer = service.VerifySignatures(request=outward(step["request"], ITEM_OF[operation]))
    # An answer with a single member comes as that member, without the answer around it.
    results = getattr(answer, "Results", answer)
    return {"Results": inward(serialize_object(results, dict))}


def main(scenario):
    clients, done = {}, []
    for step in scenario["steps"]:
        identity = scenario["identities"][step["identity"]]
        if step["identity"] not in clients:
            clients[step["identity"]] = connect(
                scenario["wsdl"], identity["certificate"], identity["key"], scenario["ca"]
            )
        try:
            done.append({"name": step["name"], "result": call(clients[step["identity"]].service, step)})
        except zeep.exceptions.Fault as fault:
            code = fault.code.rpartition(":")[2]  # as on the wire, "s:InvalidParameter"
            done.append({"name": step["name"], "fault": {"code": code, "string": fault.message}})
    print(json.dumps(done))


main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
