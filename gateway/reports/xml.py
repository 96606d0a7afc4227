"""The validation report of ETSI TS 119 102-2 (schema 1.2.2), as EU DSS and pyHanko write it."""

from __future__ import annotations

from datetime import UTC, datetime

from lxml import etree

from gateway.domain.indications import Indication, SubIndication
from gateway.domain.reasons import reasons_of, reasons_of_file
from gateway.domain.verdicts import SignatureKind, TimeStampKind, TimeStampVerdict
from gateway.domain.verification import SignatureConclusion
from gateway.reports.api import ReportSeal, Validated
from gateway.reports.facts import rfc3339, trusted
from gateway.reports.xml_objects import ValidationObjects
from gateway.reports.xml_writing import VR, XADES, Parent, add

_URN = "urn:etsi:019102"
_OWN = "urn:msign-gateway:validation"
_STAMP_ATTRIBUTES = {
    TimeStampKind.CONTENT: "AllDataObjectsTimeStamp",
    TimeStampKind.SIGNATURE: "SignatureTimeStamp",
    TimeStampKind.REFERENCES: "RefsOnlyTimeStamp",
    TimeStampKind.ARCHIVE: "ArchiveTimeStamp",
    TimeStampKind.DOCUMENT: "DocTimeStamp",
}


def xml_report(validated: Validated, seal: ReportSeal | None = None) -> bytes:
    """
    The report on every signature of one file, sealed where there is a *seal*.

    Document time-stamps are validation objects with a report of their own. A file without signatures has one report
    that says so, for the schema wants one.
    """
    root = etree.Element(f"{{{VR}}}ValidationReport", nsmap={"vr": VR, "xades": XADES})
    objects = ValidationObjects()
    conclusions = validated.result.conclusions
    signatures = [c for c in conclusions if c.integrity.kind is SignatureKind.SIGNATURE]
    for number, one in enumerate(signatures, start=1):
        _signature(add(root, "SignatureValidationReport"), validated, one, number, objects)
    if not signatures:
        _nothing(add(root, "SignatureValidationReport"), validated)
    for one in conclusions:
        if one.integrity.kind is SignatureKind.DOCUMENT_TIME_STAMP:
            _document_time_stamp(one, objects)
    if validated.sha256 is not None:
        objects.file(validated.sha256)
    objects.write(root)
    if seal is None:
        return _octets(root)
    validator = add(root, "SignatureValidator")
    for certificate in seal.certificates:
        add(validator, "DigitalId", certificate, inner="X509Certificate")
    return seal.seal(_octets(root))


def _octets(root: Parent) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _signature(
    report: Parent, validated: Validated, one: SignatureConclusion, number: int, objects: ValidationObjects
) -> None:
    identifier = add(report, "SignatureIdentifier", id=f"S-{number}")
    add(identifier, "HashOnly", "false")
    add(identifier, "DocHashOnly", "true" if one.integrity.content_digest is not None else "false")
    add(identifier, "DAIdentifier", validated.name)
    _constraints(report, validated, one)
    _times(report, validated, one, objects)
    _attributes(report, one, objects)
    if one.certificate is not None:
        signer = add(report, "SignerInformation")
        add(signer, "SignerCertificate", VOReference=objects.certificate(one.certificate))
        if one.subject:
            add(signer, "Signer", one.subject)
    if one.trust is not None and one.trust.qualification:
        add(add(report, "SignatureQuality"), "SignatureQualityInformation", f"{_OWN}:quality:{one.trust.qualification}")
    process = add(report, "SignatureValidationProcess")
    add(process, "SignatureValidationProcessID", f"{_URN}:validationprocess:LTA")
    _status(report, one, objects)


def _nothing(report: Parent, validated: Validated) -> None:
    identifier = add(report, "SignatureIdentifier", id="S-0")
    add(identifier, "HashOnly", "false")
    add(identifier, "DocHashOnly", "false")
    add(identifier, "DAIdentifier", validated.name)
    status = add(report, "SignatureValidationStatus")
    _indications(status, validated.result.indication, validated.result.sub_indication)
    _reasons(status, [key.value for key in reasons_of_file(validated.result)])


def _constraints(report: Parent, validated: Validated, one: SignatureConclusion) -> None:
    evaluation = add(report, "ValidationConstraintsEvaluationReport")
    policy = add(evaluation, "SignatureValidationPolicy")
    identifier = add(policy, "SignaturePolicyIdentifier")
    etree.SubElement(identifier, f"{{{XADES}}}SignaturePolicyImplied")
    add(policy, "PolicyName", validated.policy)
    stamps = [stamp.valid for stamp in one.time_stamps]
    facts = {
        "integrity": one.integrity.crypto_valid,
        "structure": one.integrity.structure_valid,
        "trust": trusted(one.trust) if one.trust is not None else None,
        "time-stamps": any(stamps) if stamps else None,
        "policy": None if one.policy is None else not one.policy.missed,
    }
    asked = {"integrity", "structure"} | ({"trust"} if one.trust else set()) | ({"time-stamps"} if stamps else set())
    asked |= {"policy"} if one.policy is not None else set()
    for name, held in facts.items():
        constraint = add(evaluation, "ValidationConstraint")
        add(constraint, "ValidationConstraintIdentifier", f"{_OWN}:{name}")
        applied = "applied" if name in asked else "disabled"
        add(add(constraint, "ConstraintStatus"), "Status", f"{_URN}:constraintStatus:{applied}")
        if name in asked:
            said = "indeterminate" if held is None else "passed" if held else "failed"
            add(add(constraint, "ValidationStatus"), "MainIndication", f"{_URN}:mainindication:{said}")


def _times(report: Parent, validated: Validated, one: SignatureConclusion, objects: ValidationObjects) -> None:
    info = add(report, "ValidationTimeInfo")
    add(info, "ValidationTime", _time(validated.checked_at))
    best = add(info, "BestSignatureTime")
    add(best, "POETime", _time(one.signed_at or validated.checked_at))
    add(best, "TypeOfProof", f"{_URN}:poetype:validation")
    for stamp in one.time_stamps:
        if stamp.valid and stamp.bounds_signing and stamp.gen_time == one.signed_at and stamp.token is not None:
            add(best, "POEObject", VOReference=objects.time_stamp(stamp))
            break


def _attributes(report: Parent, one: SignatureConclusion, objects: ValidationObjects) -> None:
    stamps = [stamp for stamp in one.time_stamps if stamp.gen_time is not None and stamp.token is not None]
    claimed = one.integrity.claimed_signing_time
    if claimed is None and not stamps:
        return
    attributes = add(report, "SignatureAttributes")
    if claimed is not None:
        add(add(attributes, "SigningTime", Signed="true"), "Time", _time(claimed))
    for stamp in stamps:
        attribute = add(attributes, _STAMP_ATTRIBUTES[stamp.kind])
        add(attribute, "AttributeObject", VOReference=objects.time_stamp(stamp))
        assert stamp.gen_time is not None
        add(attribute, "TimeStampValue", _time(stamp.gen_time))


def _status(report: Parent, one: SignatureConclusion, objects: ValidationObjects) -> None:
    status = add(report, "SignatureValidationStatus")
    _indications(status, one.indication, one.sub_indication)
    trust = one.trust
    if trust is not None and trust.path:
        data = add(status, "AssociatedValidationReportData")
        chain = [objects.certificate(der) for der in trust.path]
        add(data, "TrustAnchor", VOReference=chain[-1])
        path = add(data, "CertificateChain")
        add(path, "SigningCertificate", VOReference=chain[0])
        for between in chain[1:-1]:
            add(path, "IntermediateCertificate", VOReference=between)
        if len(chain) > 1:
            add(path, "TrustAnchor", VOReference=chain[-1])
        if trust.revoked_at is not None:
            revoked = add(data, "RevocationStatusInformation")
            add(revoked, "ValidationObjectId", VOReference=chain[0])
            add(revoked, "RevocationTime", _time(trust.revoked_at))
    _reasons(status, [key.value for key in reasons_of(one)])


def _indications(status: Parent, indication: Indication, sub: SubIndication | None) -> None:
    add(status, "MainIndication", f"{_URN}:mainindication:{indication.value.lower()}")
    if sub is not None:
        add(status, "SubIndication", f"{_URN}:subindication:{sub.value}")


def _reasons(status: Parent, codes: list[str]) -> None:
    if not codes:
        return
    data = add(add(status, "AssociatedValidationReportData"), "AdditionalValidationReportData")
    for code in codes:
        entry = add(data, "ReportData")
        add(entry, "Type", f"{_OWN}:reason")
        add(entry, "Value", code)


def _document_time_stamp(one: SignatureConclusion, objects: ValidationObjects) -> None:
    stamp: TimeStampVerdict | None = next((s for s in one.time_stamps if s.token is not None), None)
    if stamp is None:
        return
    report = objects.report_on(objects.time_stamp(stamp))
    _status(report, one, objects)


def _time(moment: datetime) -> str:
    return rfc3339(moment.astimezone(UTC)) or ""
