"""A document larger than many XML parsers' ten megabytes for one text, there and back through other people's clients."""

from __future__ import annotations

import io
import json

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from tests.clients import scenario
from tests.clients.town import text

pytestmark = pytest.mark.timeout(900)  # the first time, clients are installed, generated and compiled


SIZE = 8_000_000


@pytest.fixture(scope="module")
def large():
    """A document with a stream in it that no page shows."""
    writer = IncrementalPdfFileWriter(io.BytesIO(scenario.document(1)))
    writer.root["/TestPadding"] = writer.add_object(generic.StreamObject(stream_data=bytes(range(256)) * (SIZE // 256)))
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_large_document_is_signed_and_read_back_whole(program, town, tmp_path, large):
    if program.missing is not None:
        pytest.skip(program.missing)
    program.prepare()

    def run(step):
        file = tmp_path / "scenario.json"
        file.write_text(
            json.dumps(town.scenario([{**step, "name": "large", "identity": "consumer"}])), encoding="utf-8"
        )
        (answer,) = program.run(file)
        assert "fault" not in answer, answer
        return answer["result"]

    request = {"ContentType": "Pdf", "ShortContentDescription": "large", "Contents": [{"Content": text(large)}]}
    request_id = run({"operation": "PostSignRequest", "request": request})["PostSignRequestResult"]
    town.sign(request_id, scenario.ANA)
    (stored,) = town.record(request_id).progress
    signed = text(town.octets(stored.result))
    (result,) = run({"operation": "GetSignResponse", "requestID": request_id})["Results"]
    assert (result["Signature"] == signed) is True  # not spelt out where it fails: sixteen megabytes
    verification = {"SignedContentType": "Pdf", "Contents": [{"Signature": signed}], "Language": "en"}
    (verified,) = run({"operation": "VerifySignatures", "request": verification})["Results"]
    assert verified["SignaturesValid"] is True
