"""The objects that a validation report refers to: certificates and time-stamps, each once."""

from __future__ import annotations

import hashlib

from lxml import etree

from gateway.domain.verdicts import TimeStampVerdict
from gateway.reports.facts import rfc3339
from gateway.reports.xml_writing import VR, Parent, add, digest_of

_TYPE = "urn:etsi:019102:validationObject"


class ValidationObjects:
    """Collected while a report is written, and written after it."""

    def __init__(self) -> None:
        """Nothing is referred to yet."""
        self._objects: dict[str, tuple[str, bytes, str | None]] = {}
        self._file: bytes | None = None
        self._reports: dict[str, Parent] = {}

    def certificate(self, der: bytes) -> str:
        """The id of a certificate."""
        return self._keep("C", "certificate", der, None)

    def time_stamp(self, stamp: TimeStampVerdict) -> str:
        """The id of a time-stamp, which has its token."""
        assert stamp.token is not None
        proved = rfc3339(stamp.gen_time) if stamp.valid else None
        return self._keep("T", "timestamp", stamp.token, proved)

    def file(self, sha256: bytes) -> None:
        """The file that was validated, by its digest."""
        self._file = sha256

    def _keep(self, letter: str, kind: str, octets: bytes, proved: str | None) -> str:
        identifier = f"{letter}-{hashlib.sha256(octets).hexdigest().upper()}"
        self._objects.setdefault(identifier, (kind, octets, proved))
        return identifier

    def report_on(self, identifier: str) -> Parent:
        """Where the report on the object *identifier* is to be written; it becomes the object's."""
        holder = etree.Element(f"{{{VR}}}ValidationReport")
        self._reports[identifier] = holder
        return holder

    def write(self, root: Parent) -> None:
        """All of them, at the end of *root*."""
        if not self._objects and self._file is None:
            return
        listed = add(root, "SignatureValidationObjects")
        if self._file is not None:
            one = add(listed, "ValidationObject", id="F-1")
            add(one, "ObjectType", f"{_TYPE}:signedData")
            digest_of(add(one, "ValidationObjectRepresentation"), self._file)
        for identifier, (kind, octets, proved) in self._objects.items():
            one = add(listed, "ValidationObject", id=identifier)
            add(one, "ObjectType", f"{_TYPE}:{kind}")
            add(add(one, "ValidationObjectRepresentation"), "base64", octets)
            if proved is not None:
                existence = add(one, "POE")
                add(existence, "POETime", proved)
                add(existence, "TypeOfProof", "urn:etsi:019102:poetype:validation")
            report = self._reports.get(identifier)
            if report is not None:
                one.append(report)
