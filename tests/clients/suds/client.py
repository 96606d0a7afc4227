"""MSign by suds over mutual TLS: what an integrator with an older Python service writes, driven by a scenario."""

import json
import ssl
import sys
import urllib.request
from datetime import datetime
from pathlib import Path

import suds
import suds.client
import suds.sudsobject
from suds.transport.http import HttpTransport

ITEMS = {"SignContent", "SignResult", "VerificationContent", "VerificationResult", "VerificationCertificate"}
ITEM_OF = {"PostSignRequest": "SignContent", "VerifySignatures": "VerificationContent"}


class MutualTls(HttpTransport):
    """suds' own transport, with a client certificate."""

    def __init__(self, certificate, key, authority):
        super().__init__(timeout=60)
        self.context = ssl.create_default_context(cafile=authority)
        self.context.load_cert_chain(certificate, key)

    def u2handlers(self):
        return [*super().u2handlers(), urllib.request.HTTPSHandler(context=self.context)]


def connect(wsdl, certificate, key, authority):
    # Without cache=None the WSDL would be kept for a day in the temporary folder, readable for all.
    return suds.client.Client(wsdl, transport=MutualTls(certificate, key, authority), cache=None)


def inward(value):
    """What suds read, as JSON holds it. Binary members are base64 text for suds, as for the scenario."""
    if isinstance(value, suds.sudsobject.Object):
        members = suds.sudsobject.asdict(value)
        if len(members) == 1 and (only := next(iter(members))) in ITEMS:
            return inward(members[only])
        return {name: inward(member) for name, member in members.items() if member is not None}
    if isinstance(value, list):
        return [inward(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def call(service, step):
    operation = step["operation"]
    if operation == "GetSignResponse":
        return inward(service.GetSignResponse(requestID=step.get("requestID"), language=step.get("language")))
    request = {**step["request"], "Contents": {ITEM_OF[operation]: step["request"]["Contents"]}}
    if operation == "PostSignRequest":
        return {"PostSignRequestResult": service.PostSignRequest(request=request)}
    return inward(service.VerifySignatures(request=request))


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
        except suds.WebFault as error:
            code = error.fault.faultcode.rpartition(":")[2]  # as on the wire, "s:InvalidParameter"
            done.append({"name": step["name"], "fault": {"code": code, "string": error.fault.faultstring}})
    print(json.dumps(done))


main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
