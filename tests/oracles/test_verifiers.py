"""The verifiers of the demo accept what strangers signed well, and refuse what was changed since."""

from __future__ import annotations

import hashlib

import pytest

from gateway.demo import programs, verifiers
from gateway.demo.signed_parts import NotAsExpected, cms_time_stamps, detached_signature, pdf_signatures

pytestmark = pytest.mark.oracle

CONTENT = b"what was signed"


@pytest.fixture(scope="module")
def signed_pdf(town):
    return town.signed_pdf()


@pytest.fixture(scope="module")
def xades(town):
    return town.signed_xades(hashlib.sha256(CONTENT).digest())


def _accepts(answers) -> dict[str, bool]:
    return {answer.name: answer.accepted for answer in answers}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_every_xades_verifier_accepts_a_good_detached_signature(town, needs, algorithm):
    """SHA-1 is accepted as the content's digest, for that is what the contract allows."""
    needs("xmlsec1", "openssl")
    xades = town.signed_xades(hashlib.new(algorithm, CONTENT).digest(), algorithm)
    answers = _accepts(verifiers.xades_verdicts(xades, CONTENT, town.anchors, town.intermediates))
    assert answers == {"signxml": True, "xmlsec1": True, "openssl ts": True}


@pytest.mark.parametrize("layout", ["plain", "object streams", "co-signed"])
def test_every_pdf_verifier_accepts_a_good_signature(town, towns, needs, layout):
    """Online, so that pdfsig judges certificates too."""
    needs("pdfsig", "certutil", "openssl")
    pdf = town.signed_pdf(towns.blank_pdf(object_streams=layout == "object streams"))
    if layout == "co-signed":
        pdf = town.signed_pdf(pdf, "Signature2")
    answers = verifiers.pdf_verdicts(pdf, town.anchors, town.intermediates, online=True)
    assert _accepts(answers) == {"pyHanko": True, "pdfsig": True, "openssl cms": True}
    assert "1 trusted" in answers[1].detail or "2 trusted" in answers[1].detail


def test_another_content_is_refused(town, xades):
    """Both verifiers that see the content notice."""
    assert not verifiers.signxml_verdict(xades, b"another", town.anchors, town.intermediates).accepted
    answer = verifiers.xmlsec1_verdict(xades, b"another", town.anchors, town.intermediates)
    assert answer is None or not answer.accepted


def test_a_changed_signature_value_is_refused_by_all(town, towns, needs, xades):
    """The time-stamp covers the value, so OpenSSL notices as well."""
    needs("xmlsec1", "openssl")
    changed = towns.spoiled_in_element(xades, "SignatureValue")
    answers = _accepts(verifiers.xades_verdicts(changed, CONTENT, town.anchors, town.intermediates))
    assert answers == {"signxml": False, "xmlsec1": False, "openssl ts": False}


def test_a_changed_signing_time_is_refused(town, needs, xades):
    """SignedProperties are signed."""
    needs("xmlsec1")
    changed = xades.replace(b"<xades:SigningTime>2", b"<xades:SigningTime>1", 1)
    assert not verifiers.signxml_verdict(changed, CONTENT, town.anchors, town.intermediates).accepted
    assert not verifiers.xmlsec1_verdict(changed, CONTENT, town.anchors, town.intermediates).accepted


def test_a_changed_time_stamp_is_refused_by_those_that_look_at_it(town, towns, needs, xades):
    """And by nobody else: the verdict's own flag tells which."""
    needs("xmlsec1", "openssl")
    changed = towns.spoiled_in_element(xades, "EncapsulatedTimeStamp")
    answers = verifiers.xades_verdicts(changed, CONTENT, town.anchors, town.intermediates)
    assert {a.name: a.accepted for a in answers} == {a.name: not a.looks_at_time_stamps for a in answers}
    assert [a.name for a in answers if a.looks_at_time_stamps] == ["openssl ts"]


def test_a_time_stamp_over_something_else_is_refused(town, needs):
    """OpenSSL compares the imprint with the data given."""
    needs("openssl")
    token = town.token(b"this")
    assert verifiers.openssl_ts_verdict(token, b"this", town.anchors, town.intermediates).accepted
    assert not verifiers.openssl_ts_verdict(token, b"that", town.anchors, town.intermediates).accepted


def test_a_signature_without_time_stamp_is_not_accepted_by_the_time_stamp_verifier(town, needs):
    """None is not as good as one that holds."""
    needs("openssl")
    bare = town.signed_xades(hashlib.sha256(CONTENT).digest(), stamped=False)
    assert not verifiers.openssl_xades_ts_verdict(bare, town.anchors, town.intermediates).accepted
    assert verifiers.signxml_verdict(bare, CONTENT, town.anchors, town.intermediates).accepted


def test_strangers_anchors_are_refused_by_all(town, towns, needs, tmp_path, xades, signed_pdf):
    """Integrity alone is not acceptance."""
    needs("xmlsec1", "openssl", "pdfsig", "certutil")
    stranger = towns.Town(tmp_path)
    try:
        anchors, intermediates = stranger.anchors, town.intermediates
        answers = verifiers.xades_verdicts(xades, CONTENT, anchors, intermediates)
        answers += verifiers.pdf_verdicts(signed_pdf, anchors, intermediates, online=True)
    finally:
        stranger.close()
    assert len(answers) == 6
    assert not any(_accepts(answers).values())


def test_a_changed_byte_of_a_pdf_is_refused_by_all(town, needs, signed_pdf):
    """A page grows by one point."""
    needs("pdfsig", "openssl")
    changed = signed_pdf.replace(b"300", b"301", 1)
    assert changed != signed_pdf
    answers = verifiers.pdf_verdicts(changed, town.anchors, town.intermediates)
    assert _accepts(answers) == {"pyHanko": False, "pdfsig": False, "openssl cms": False}


def test_a_changed_signature_value_in_a_pdf_is_refused_by_all(town, towns, needs, signed_pdf):
    """One bit inside the CMS signature value, the DER still whole."""
    needs("pdfsig", "openssl")
    value = cms_time_stamps(pdf_signatures(signed_pdf)[0].cms)[0].data
    changed = towns.spoiled_in_contents(signed_pdf, value)
    answers = verifiers.pdf_verdicts(changed, town.anchors, town.intermediates)
    assert _accepts(answers) == {"pyHanko": False, "pdfsig": False, "openssl cms": False}


def test_a_changed_time_stamp_in_a_pdf_is_refused_by_those_that_look_at_it(town, towns, needs, signed_pdf):
    """pdfsig does not."""
    needs("pdfsig", "openssl")
    token = cms_time_stamps(pdf_signatures(signed_pdf)[0].cms)[0].token
    changed = towns.spoiled_in_contents(signed_pdf, token)
    answers = verifiers.pdf_verdicts(changed, town.anchors, town.intermediates)
    assert {a.name: a.accepted for a in answers} == {a.name: not a.looks_at_time_stamps for a in answers}
    assert [a.name for a in answers if not a.looks_at_time_stamps] == ["pdfsig"]


def test_an_addition_after_the_last_signature_is_refused(town, towns, needs, signed_pdf):
    """A second page in a later revision."""
    needs("pdfsig", "openssl")
    changed = towns.with_another_page(signed_pdf)
    answers = verifiers.pdf_verdicts(changed, town.anchors, town.intermediates)
    assert _accepts(answers) == {"pyHanko": False, "pdfsig": False, "openssl cms": False}


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a content by another name", b'URI="content"', b'URI="/etc/passwd"'),
        ("no content at all", b'URI="content"', b'URI="#p"'),
        (
            "a weak digest of our own",
            b'Id="p"',
            b'Id="p"><ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"/><x',
        ),
        ("a DTD", b"<ds:Signature ", b'<!DOCTYPE x [<!ENTITY a "b">]><ds:Signature '),
        ("broken XML", b"</ds:Signature>", b""),
    ],
)
def test_odd_xades_is_refused_before_any_verifier_sees_it(town, xades, what, old, new):
    """A verifier that follows URIs must not be led to something else."""
    odd = xades.replace(old, new, 1)
    assert odd != xades
    with pytest.raises(NotAsExpected):
        detached_signature(odd)
    answers = verifiers.xades_verdicts(odd, CONTENT, town.anchors, town.intermediates)
    assert answers
    assert not any(_accepts(answers).values())


@pytest.mark.parametrize(
    "odd", [b"", b"%PDF-1.7\n%%EOF\n", b"/ByteRange [0 1 2 3]", b"/ByteRange [0 9 99999999999999 1]", b"\x00" * 4096]
)
def test_odd_pdf_is_answered_not_raised(town, odd):
    """No verdict accepts; none raises."""
    answers = verifiers.pdf_verdicts(odd, town.anchors, town.intermediates)
    assert answers
    assert not any(_accepts(answers).values())


def test_a_byte_range_that_leaves_out_more_than_contents_is_refused(signed_pdf):
    """The gap between the ranges is the hexadecimal string and nothing else."""
    start = signed_pdf.index(b"/ByteRange")
    first = signed_pdf[start:].split(b"[", 1)[1].split(b"]", 1)[0]
    numbers = [int(n) for n in first.split()]
    wider = b"%d %d %d %d" % (0, numbers[1] - 1, numbers[2], numbers[3])
    changed = signed_pdf.replace(first, wider.ljust(len(first)), 1)
    with pytest.raises(NotAsExpected):
        pdf_signatures(changed)


def test_a_damaged_cms_is_refused_and_nothing_else(signed_pdf):
    """Wherever the damage lies: asn1crypto finds it late and in several ways."""
    der = pdf_signatures(signed_pdf)[0].cms
    answers = set()
    for position in range(len(der)):
        damaged = der[:position] + bytes([der[position] ^ 0x41]) + der[position + 1 :]
        try:
            cms_time_stamps(damaged)
            answers.add("read")
        except NotAsExpected:
            answers.add("refused")
    assert answers == {"read", "refused"}


def test_a_missing_program_is_no_verdict(town, monkeypatch, xades, signed_pdf):
    """And the others still answer."""
    monkeypatch.setattr(programs.shutil, "which", lambda _name: None)
    assert verifiers.xmlsec1_verdict(xades, CONTENT, town.anchors) is None
    assert verifiers.openssl_ts_verdict(b"", b"", town.anchors) is None
    assert verifiers.openssl_cms_verdict(signed_pdf, town.anchors) is None
    assert verifiers.pdfsig_verdict(signed_pdf, town.anchors) is None
    assert [a.name for a in verifiers.xades_verdicts(xades, CONTENT, town.anchors, town.intermediates)] == ["signxml"]
    assert [a.name for a in verifiers.pdf_verdicts(signed_pdf, town.anchors, town.intermediates)] == ["pyHanko"]


def test_a_program_that_does_not_end_is_stopped(town, tmp_path, monkeypatch, xades):
    """Its verdict is a refusal."""
    sleeper = tmp_path / "xmlsec1"
    sleeper.write_text("#!/bin/sh\nexec sleep 30\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(programs.shutil, "which", lambda _name: str(sleeper))
    monkeypatch.setattr(programs, "_SECONDS", 0.2)
    assert not verifiers.xmlsec1_verdict(xades, CONTENT, town.anchors).accepted


def test_a_refusal_names_nobody_in_the_log(town, signed_pdf, caplog, capsys):
    """pyHanko would log a trace with the signer's name."""
    caplog.set_level("DEBUG")
    assert not verifiers.pyhanko_verdict(signed_pdf, []).accepted
    assert not [record for record in caplog.records if record.name.startswith("pyhanko")]
    assert capsys.readouterr().err == ""


def test_no_path_and_no_content_stand_in_a_detail(town, tmp_path, xades, signed_pdf):
    """Details go to a terminal and into reports."""
    answers = verifiers.xades_verdicts(xades, b"another", town.anchors) + verifiers.pdf_verdicts(b"junk", town.anchors)
    assert all("/" not in answer.detail and len(answer.detail) < 120 for answer in answers)
