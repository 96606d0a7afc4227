"""What other people's clients send is what the contract says, to the letter: nothing that strict mode would refuse."""

from __future__ import annotations

import json

import pytest

from tests.clients import scenario, wire
from tests.clients.town import text

pytestmark = pytest.mark.timeout(900)  # the first time, clients are installed, generated and compiled


def test_every_operation_passes_strict_mode(program, strict_town, tmp_path):
    if program.missing is not None:
        pytest.skip(program.missing)
    program.prepare()
    steps = [
        *scenario.posts(),
        {"name": "get", "operation": "GetSignResponse", "requestID": scenario.NOBODYS, "language": "en"},
        {
            "name": "verify",
            "operation": "VerifySignatures",
            "request": {
                "SignedContentType": "Hash",
                "Language": "en",
                "Contents": [
                    {
                        "Signature": text(b"no signature"),
                        "CorrelationID": "v",
                        "Content": text(scenario.digest("sha256")),
                    }
                ],
            },
        },
    ]
    file = tmp_path / "scenario.json"
    # Those who read the contract when they start get it here in its other form, with the schema in a file of its own.
    described = strict_town.scenario([{"identity": "consumer", **step} for step in steps], contract="WSDL")
    file.write_text(json.dumps(described), encoding="utf-8")
    *posted, got, verified = program.run(file)
    assert [answer["name"] for answer in posted if "result" in answer] == [step["name"] for step in scenario.posts()]
    assert got["fault"] == {"code": "RequestNotFound", "string": "Cannot find such request"}
    (result,) = verified["result"]["Results"]
    assert (result["CorrelationID"], result["SignaturesValid"]) == ("v", False)


def test_the_gateway_is_strict(strict_town):
    """Otherwise the other test would prove nothing."""
    unknown = {"name": "unknown", "identity": "consumer", "operation": "PostSignRequest"}
    request = {**scenario.posts()[2]["request"], "Unknown": "member"}
    assert "Unknown" in wire.call(strict_town, {**unknown, "request": request})["fault"]["string"]
