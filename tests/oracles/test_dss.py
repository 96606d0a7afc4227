"""The EU DSS oracle itself: it passes what is good, and each thing that makes a signature bad makes it say so."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from gateway.demo.signed_parts import cms_time_stamps, pdf_signatures

pytestmark = [pytest.mark.oracle, pytest.mark.java, pytest.mark.slow]

CONTENT = b"what was signed"
DIGEST = hashlib.sha256(CONTENT).digest()


@pytest.fixture(scope="module")
def reports(dss, town, towns, tmp_path_factory):
    """Every file of this module judged in one JVM, by name."""
    folder = tmp_path_factory.mktemp("signed")
    inputs = {}

    def xades(name, data, digest=DIGEST, algorithm="SHA256"):
        path = folder / f"{name}.xml"
        path.write_bytes(data)
        inputs[name] = dss.DssInput(path, algorithm, digest)

    def pdf(name, data):
        path = folder / f"{name}.pdf"
        path.write_bytes(data)
        inputs[name] = dss.DssInput(path)

    good = town.signed_xades(DIGEST)
    for algorithm in ("sha1", "sha384", "sha512"):
        digest = hashlib.new(algorithm, CONTENT).digest()
        xades(algorithm, town.signed_xades(digest, algorithm), digest, algorithm.upper())
    xades("good", good)
    xades("other content", good, hashlib.sha256(b"another").digest())
    xades("spoiled value", towns.spoiled_in_element(good, "SignatureValue"))
    xades("spoiled time-stamp", towns.spoiled_in_element(good, "EncapsulatedTimeStamp"))
    xades("bare", town.signed_xades(DIGEST, stamped=False))
    xades("not XML", b"junk")

    revoked = town.person("Bogdan Revoked")
    town.revoke(revoked[1], datetime.now(UTC) - timedelta(hours=2))
    xades("revoked", town.signed_xades(DIGEST, signer=revoked))
    later = town.person("Corina Revoked-Later")
    xades("revoked later", town.signed_xades(DIGEST, signer=later))
    town.revoke(later[1], datetime.now(UTC) + timedelta(seconds=1))

    signed = town.signed_pdf()
    stamp = cms_time_stamps(pdf_signatures(signed)[0].cms)[0]
    pdf("pdf", signed)
    pdf("co-signed", town.signed_pdf(signed, "Signature2"))
    pdf("object streams", town.signed_pdf(towns.blank_pdf(object_streams=True)))
    pdf("changed pdf", signed.replace(b"300", b"301", 1))
    pdf("spoiled pdf value", towns.spoiled_in_contents(signed, stamp.data))
    pdf("spoiled pdf time-stamp", towns.spoiled_in_contents(signed, stamp.token))
    answers = dss.validate(list(inputs.values()), [town.anchors_folder])
    return dict(zip(inputs, answers, strict=True))


@pytest.mark.parametrize(
    ("name", "level"),
    [("good", "XAdES"), ("sha384", "XAdES"), ("sha512", "XAdES"), ("pdf", "PAdES"), ("object streams", "PAdES")],
)
def test_a_good_signature_passes_at_level_t(reports, name, level):
    """Given the digest alone for XAdES; without an error or warning; the time-stamp passes too."""
    signature = reports[name].signature
    assert signature.indication == "TOTAL-PASSED"
    assert signature.sub_indication is None
    assert signature.level == f"{level}-BASELINE-T"
    assert signature.errors == signature.warnings == signature.structure_errors == ()
    (stamp,) = signature.time_stamps
    assert stamp.indication == "PASSED"
    assert stamp.production_time == signature.best_signature_time


def test_both_signatures_of_a_co_signed_pdf_pass(reports):
    """Adding the second is no forbidden change to the first."""
    assert [(s.indication, s.level) for s in reports["co-signed"].signatures] == [
        ("TOTAL-PASSED", "PAdES-BASELINE-T")
    ] * 2


def test_a_sha1_content_fails_for_that_algorithm_alone(reports):
    """DSS's default policy ends SHA-1 in 2012; nothing else is wrong with the signature."""
    signature = reports["sha1"].signature
    assert (signature.indication, signature.sub_indication) == ("INDETERMINATE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
    assert signature.intact
    about_algorithms = [error for error in signature.errors if "SHA1" in error]
    assert len(about_algorithms) == 1
    assert all("SHA1" in error or "long term availability" in error for error in signature.errors)


@pytest.mark.parametrize(
    ("name", "sub_indication"),
    [
        ("other content", "HASH_FAILURE"),
        ("spoiled value", "SIG_CRYPTO_FAILURE"),
        ("changed pdf", "HASH_FAILURE"),
        ("spoiled pdf value", "SIG_CRYPTO_FAILURE"),
    ],
)
def test_a_changed_byte_fails(reports, name, sub_indication):
    """And the sub-indication says which kind."""
    signature = reports[name].signature
    assert (signature.indication, signature.sub_indication) == ("TOTAL-FAILED", sub_indication)


@pytest.mark.parametrize("name", ["spoiled time-stamp", "spoiled pdf time-stamp"])
def test_a_changed_time_stamp_proves_nothing(reports, name):
    """The time-stamp fails; the best signature time is then DSS's own clock."""
    signature = reports[name].signature
    (stamp,) = signature.time_stamps
    assert stamp.indication in {"FAILED", "INDETERMINATE"}
    assert signature.best_signature_time != stamp.production_time


def test_a_signature_without_time_stamp_is_at_level_b(reports):
    """Level T is not assumed."""
    assert reports["bare"].signature.level == "XAdES-BASELINE-B"
    assert reports["bare"].signature.time_stamps == ()


def test_revocation_is_asked_online_and_weighed_against_the_time_stamp(reports):
    """Revoked before the time-stamp fails, after it does not count."""
    assert reports["revoked"].signature.indication != "TOTAL-PASSED"
    assert "REVOKED" in reports["revoked"].signature.sub_indication
    assert reports["revoked later"].signature.indication == "TOTAL-PASSED"


def test_what_is_no_signature_is_reported_not_raised(reports):
    """So that one file does not spoil a batch."""
    assert reports["not XML"].unreadable
    assert reports["not XML"].signatures == ()


def test_without_anchors_or_revocation_data_nothing_passes(dss, town, tmp_path):
    """Trust comes from the folders; status from the network on loopback."""
    path = tmp_path / "signature.xml"
    path.write_bytes(town.signed_xades(DIGEST))
    file = dss.DssInput(path, "SHA256", DIGEST)
    (untrusted,) = dss.validate([file], [tmp_path])
    (offline,) = dss.validate([file], [town.anchors_folder], online=False)
    assert untrusted.signature.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    assert offline.signature.indication == "INDETERMINATE"
    assert any("No revocation data found" in error for error in offline.signature.errors)


def test_issuers_are_fetched_when_the_signature_brings_only_its_own_certificate(dss, town, tmp_path):
    """By AIA, over loopback, and only when asked to."""
    path = tmp_path / "signature.xml"
    path.write_bytes(town.signed_xades(DIGEST, chain=False))
    file = dss.DssInput(path, "SHA256", DIGEST)
    (without,) = dss.validate([file], [town.anchors_folder])
    (fetched,) = dss.validate([file], [town.anchors_folder], aia=True)
    assert without.signature.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"
    assert fetched.signature.indication == "TOTAL-PASSED"


def test_building_again_does_not_run_maven(dss, monkeypatch):
    """The jar is up to date as long as its sources are."""
    monkeypatch.setattr(dss, "_maven", lambda *_options: pytest.fail("Maven was run"))
    assert dss.build().exists()


def test_a_machine_without_java_is_told_what_to_install(dss, monkeypatch):
    """The reason is the install line."""
    monkeypatch.setattr(dss.shutil, "which", lambda _name: None)
    assert "apt-get install" in dss.dss_available()
    with pytest.raises(dss.DssUnavailable):
        dss.build()


def test_libraries_out_of_reach_are_no_build_failure(dss, monkeypatch, tmp_path):
    """No network and nothing cached is a skip with the line to run; a broken build is an error."""
    monkeypatch.setattr(dss, "_STAMP", tmp_path / "none")
    monkeypatch.setattr(dss, "_maven", lambda *_options: "Could not transfer artifact")
    with pytest.raises(dss.DssUnavailable, match="mvn -f"):
        dss.build()
    monkeypatch.setattr(dss, "_maven", lambda *_options: "COMPILATION ERROR")
    with pytest.raises(RuntimeError, match="COMPILATION"):
        dss.build()
