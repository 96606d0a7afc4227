"""The bounds of a message follow from those of a request, so that neither refuses what the other accepts."""

import base64

import pytest

from gateway.soap.limits import SoapLimits
from tests.soap.messages import NAMESPACE, envelope


def test_the_bounds_fit_a_request_of_the_default_size():
    assert SoapLimits.of(contents=1000, document=100_000_000, batch=500_000_000) == SoapLimits()


@pytest.mark.parametrize(("contents", "document", "batch"), [(1, 100_000, 100_000), (40, 5_000, 100_000)])
def test_a_request_at_every_bound_passes(make_door, contents, document, batch):
    """Full contents in lines, the longest names and ids in the widest characters, pretty-printed."""
    door = make_door(limits=SoapLimits.of(contents=contents, document=document, batch=batch))
    lines = base64.encodebytes(bytes(min(document, batch // contents))).decode().replace("\n", "\r\n")
    one = f"""
        <SignContent>
            <Content>{lines}</Content>
            <CorrelationID>{"𝕏" * 36}</CorrelationID>
            <MultipleSignatures>false</MultipleSignatures>
            <Name>{"𝕏" * 256}</Name>
        </SignContent>"""
    message = envelope(
        f"""<PostSignRequest xmlns="{NAMESPACE}"><request>
            <ContentDescription>{"𝕏" * 512}</ContentDescription>
            <ContentType>Pdf</ContentType>
            <Contents>{one * contents}</Contents>
            <ShortContentDescription>{"𝕏" * 90}</ShortContentDescription>
            <SignatureReason>{"𝕏" * 255}</SignatureReason>
        </request></PostSignRequest>"""
    )
    assert door.call(message).outcome == "200"
    assert door.call(message.decode().encode("utf-16")).outcome == "200"


def test_more_contents_are_possible_where_they_are_configured(make_door):
    door = make_door(limits=SoapLimits.of(contents=3000, document=100, batch=10_000))
    contents = "<SignContent><Content>AAAA</Content><CorrelationID/><Name/></SignContent>" * 3000
    message = envelope(
        f'<PostSignRequest xmlns="{NAMESPACE}"><request><ContentType>Hash</ContentType><Contents>{contents}</Contents>'
        "</request></PostSignRequest>"
    )
    assert door.call(message).outcome == "200"
