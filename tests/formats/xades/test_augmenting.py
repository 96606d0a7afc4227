"""Validation data are spliced into finished signatures; whatever was there stays, octet for octet."""

import io
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.contents import ContentDigest
from gateway.domain.evidence import Evidence, PreparedArchive
from gateway.errors import UnreadableSignature, UnsignableDocument
from gateway.formats.xades.augmenting import XadesAugmenter

CONTENT = ContentDigest.of(bytes(range(32)))
SIGNER = Evidence((b"issuer", b"root"), (b"ocsp of signer",), (b"crl of issuer",))
STAMPS = Evidence((b"tsa", b"root"), (b"ocsp of tsa",), ())
XADES_141 = "http://uri.etsi.org/01903/v1.4.1#"


def lasting(signature, signer=SIGNER, stamps=STAMPS):
    out = io.BytesIO()
    XadesAugmenter().add_evidence(io.BytesIO(signature), signer, stamps, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def stamped(ana, engine):
    return ana.sign(engine, CONTENT, token=b"token")


def test_a_signature_gets_what_validates_its_signer_and_its_time_stamps(stamped, read):
    before, after = read(stamped, CONTENT.value), read(lasting(stamped), CONTENT.value)
    assert (before.level, after.level) == ("XAdES-BASELINE-T", "XAdES-BASELINE-LT")
    assert after.crypto_valid
    assert after.structure_valid
    assert set(after.embedded_ocsp_responses) == {b"ocsp of signer", b"ocsp of tsa"}
    assert after.embedded_crls == (b"crl of issuer",)
    assert {b"issuer", b"root", b"tsa"} <= set(after.other_certificates)
    assert after.time_stamps == before.time_stamps


def test_nothing_that_was_there_is_touched(stamped):
    """What was put in can be cut out again, and the signature is what it was."""
    after = lasting(stamped).decode()
    without = re.sub(r"<xades141:TimeStampValidationData.*?</xades141:TimeStampValidationData>", "", after)
    without = re.sub(r"<xades:CertificateValues.*</xades:RevocationValues>", "", without)
    assert without.encode() == stamped


def test_the_time_stamps_data_stand_right_after_them(stamped):
    """EN 319 132-1 § 5.5.1.4: immediately after the time-stamp that they are for."""
    assert b"</xades:SignatureTimeStamp><xades141:TimeStampValidationData" in lasting(stamped)


def test_nothing_is_put_in_twice(stamped):
    once = lasting(stamped)
    assert lasting(once) == once
    for value in (b"cm9vdA==", b"b2NzcCBvZiBzaWduZXI="):  # root; ocsp of signer
        assert once.count(value) == 1


def test_newer_data_join_what_is_there(stamped, read):
    """CertificateValues and RevocationValues stand once; what comes later is data of the time-stamps."""
    newer = Evidence((), (b"newer ocsp",), ())
    found = lasting(lasting(stamped), newer, Evidence())
    assert b"newer ocsp" in read(found, CONTENT.value).embedded_ocsp_responses
    assert found.count(b"<xades:RevocationValues") == 3
    assert found.count(b"<xades141:TimeStampValidationData") == 2


def test_a_signature_without_time_stamp_is_refused(ana, engine):
    with pytest.raises(UnreadableSignature, match="level T"):
        lasting(ana.sign(engine, CONTENT))


@pytest.mark.parametrize("data", [b"", b"<a/>", b"no xml", b"<!DOCTYPE a []><a/>", os.urandom(200)])
def test_what_is_no_signature_is_refused(data):
    with pytest.raises(UnreadableSignature):
        lasting(data)


def test_an_encoding_that_cannot_be_spliced_is_refused(stamped):
    wide = ('<?xml version="1.0" encoding="UTF-16"?>' + stamped.decode()).encode("utf-16")
    with pytest.raises(UnreadableSignature):
        lasting(wide)


def test_every_signature_of_a_document_gets_them(ana, engine):
    both = [ana.sign(engine, CONTENT, token=b"token", signature_id=f"{n:032x}") for n in (1, 2)]
    found = lasting(b"<all>\xc3\xa9<!-- -->" + both[0] + b"between" + both[1] + b"</all>")
    assert found.count(b"<xades141:TimeStampValidationData") == 2
    assert b"</ds:Signature>between<ds:Signature" in found


def test_a_counter_signature_keeps_what_it_has(stamped, ana, engine, read):
    """It is its own signature inside another's properties; nothing lands in the middle of it."""
    counter = ana.sign(engine, CONTENT, token=b"its own", signature_id="f" * 32)
    inside = (
        b'<xades:CounterSignature xmlns:xades="http://uri.etsi.org/01903/v1.3.2#">'
        + counter
        + b"</xades:CounterSignature>"
    )
    end = stamped.rindex(b"</xades:UnsignedSignatureProperties>")
    found = lasting(stamped[:end] + inside + stamped[end:])
    assert inside in found


def test_an_archive_time_stamp_over_a_hash_is_refused_with_the_reason(stamped):
    augmenter = XadesAugmenter()
    with pytest.raises(UnsignableDocument, match="the highest level is LT"):
        augmenter.prepare_archive(io.BytesIO(stamped), CONTENT, 8192)
    with pytest.raises(UnsignableDocument, match="the highest level is LT"):
        augmenter.complete_archive(io.BytesIO(stamped), PreparedArchive(b"", b""), b"", io.BytesIO())


values = st.lists(st.binary(min_size=1, max_size=40), max_size=3).map(tuple)
evidence = st.builds(Evidence, values, values, values)


@given(signer=evidence, stamps=evidence)
def test_whatever_is_put_in_comes_out_again(stamped, read, signer, stamps):
    found = read(lasting(stamped, signer, stamps), CONTENT.value)
    assert found.crypto_valid
    assert set(found.embedded_ocsp_responses) == {*signer.ocsp_responses, *stamps.ocsp_responses}
    assert set(found.embedded_crls) == {*signer.crls, *stamps.crls}
