"""Reports for archives follow the schema of ETSI TS 119 102-2, and their seal holds."""

from base64 import b64decode
from io import BytesIO

import pytest
from lxml import etree
from pyhanko.generated.etsi import ts_11910202
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier
from xsdata.formats.dataclass.parsers import XmlParser

from gateway.errors import ConfigurationError
from gateway.formats.xades.reader import XadesReader
from gateway.reports.sealing import XadesSeal
from gateway.reports.xml import xml_report

VR = {"v": "http://uri.etsi.org/19102/v1.2.1#", "ds": "http://www.w3.org/2000/09/xmldsig#"}


def test_every_report_is_valid_against_the_schema(anything, schema):
    schema.assertValid(etree.fromstring(xml_report(anything)))


def test_a_sealed_report_is_valid_against_the_schema(anything, schema, seal_files):
    schema.assertValid(etree.fromstring(xml_report(anything, XadesSeal(*seal_files))))


def test_every_report_is_read_by_a_program_of_others(anything):
    read = XmlParser().from_bytes(xml_report(anything), ts_11910202.ValidationReport)
    signatures = [c for c in anything.result.conclusions if c.integrity.kind.value == "signature"]
    assert len(read.signature_validation_report) == max(1, len(signatures))
    for report, one in zip(read.signature_validation_report, signatures, strict=False):
        status = report.signature_validation_status
        assert status.main_indication == f"urn:etsi:019102:mainindication:{one.indication.value.lower()}"
        expected = [f"urn:etsi:019102:subindication:{one.sub_indication.value}"] if one.sub_indication else []
        assert list(status.sub_indication) == expected


def test_a_good_signature_is_reported_with_its_evidence(of_result):
    root = etree.fromstring(xml_report(of_result("good")))

    def texts(path):
        return root.xpath(path + "/text()", namespaces=VR)

    assert texts("//v:BestSignatureTime/v:POETime") == ["2025-06-01T09:30:15Z"]
    assert texts("//v:ValidationTime") == ["2026-03-01T12:00:00Z"]
    assert texts("//v:PolicyName") == ["msign-compat"]
    assert texts("//v:Signer") == ["CN=Ana Țurcanu, C=MD"]
    assert texts("//v:SignatureQualityInformation") == ["urn:msign-gateway:validation:quality:QESig"]
    assert texts("//v:SignatureTimeStamp/v:TimeStampValue") == ["2025-06-01T09:30:15Z"]
    objects = [b64decode(text) for text in texts("//v:ValidationObject//v:base64")]
    assert sorted(objects) == [b"issuer", b"root", b"signer", b"token"]


def test_every_reference_has_its_object(anything):
    root = etree.fromstring(xml_report(anything))
    identifiers = root.xpath("//v:ValidationObject/@id", namespaces=VR)
    assert len(set(identifiers)) == len(identifiers)
    assert set(root.xpath("//@VOReference")) <= set(identifiers)


def test_reasons_and_revocation_are_in_the_report(of_result):
    root = etree.fromstring(xml_report(of_result("revoked")))
    status = root.find("v:SignatureValidationReport/v:SignatureValidationStatus", VR)
    assert [e.text for e in status.iterfind(".//v:ReportData/v:Value", VR)] == [
        "revoked-time-unproven",
        "weak-algorithm",
        "weak-algorithm-tolerated",
    ]
    assert status.find(".//v:RevocationTime", VR).text == "2025-06-01T09:30:15Z"


def test_a_document_time_stamp_is_an_object_with_its_own_report(of_result):
    root = etree.fromstring(xml_report(of_result("several")))
    (report,) = root.iterfind("v:SignatureValidationObjects/v:ValidationObject/v:ValidationReport", VR)
    assert report.find(".//v:MainIndication", VR).text.endswith(":total-passed")


def test_a_seal_covers_the_whole_report_for_us_and_for_others(of_result, seal_files):
    seal = XadesSeal(*seal_files)
    sealed = xml_report(of_result("revoked"), seal)
    (verdict,) = XadesReader().read_file(BytesIO(sealed), [])
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.certificate) == (True, True, seal.certificates[0])
    (verified,) = XAdESVerifier().verify(
        sealed, x509_cert=seal_files[0].read_text(), expect_references=3, expect_config=XAdESSignatureConfiguration()
    )[:1]
    assert verified.signed_xml.tag == f"{{{VR['v']}}}ValidationReport"
    changed = sealed.replace(b"revoked-time-unproven", b"valid", 1)
    (verdict,) = XadesReader().read_file(BytesIO(changed), [])
    assert verdict.crypto_valid is False
    root = etree.fromstring(sealed)
    assert [child.tag for child in root][-1] == f"{{{VR['ds']}}}Signature"
    assert b64decode(root.find("v:SignatureValidator/v:DigitalId", VR)[0].text) == seal.certificates[0]


def test_a_seal_that_cannot_be_used_is_a_setting_that_is_wrong(seal_files, tmp_path):
    certificate, key = seal_files
    with pytest.raises(ConfigurationError, match="cannot be read"):
        XadesSeal(tmp_path / "none", key)
    with pytest.raises(ConfigurationError, match="not PEM"):
        XadesSeal(key, key)
    with pytest.raises(ConfigurationError, match="not PEM"):
        XadesSeal(certificate, certificate)
