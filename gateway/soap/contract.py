"""
The contract's structures as Spyne types.

Members stand in the order of the wire, which is alphabetical. ``xsd/MSign.xsd`` is the truth: a test holds the schema
that Spyne generates from these classes against it, member by member. Length limits and "at least one" are not in the
schema; ``operations`` checks them.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.soap._spyne import Array, Boolean, ByteArray, ComplexModel, DateTime, Enum, Integer32, Unicode

NAMESPACE: Final = "https://msign.gov.md"
ACTION_PREFIX: Final = f"{NAMESPACE}/IMSign/"
"""An operation's SOAPAction is this and its name."""

# As WCF writes schemas: strings, byte arrays and structures may be nil, numbers, booleans and enumerations may not.
_REQUIRED: dict[str, Any] = {"min_occurs": 1, "nillable": True}
_OPTIONAL: dict[str, Any] = {"min_occurs": 0, "nillable": True}
_REQUIRED_VALUE: dict[str, Any] = {"min_occurs": 1, "nillable": False}
_OPTIONAL_VALUE: dict[str, Any] = {"min_occurs": 0, "nillable": False}


class Nil:
    """
    Says that a member is written as nil.

    None leaves an optional member out; a WCF server writes some of those as nil, and we write what it writes.
    """


NIL: Final = Nil()


def _enumeration(name: str, *values: str) -> Any:
    made = Enum(*values, type_name=name)
    made.__namespace__ = NAMESPACE
    return made


ContentType = _enumeration("ContentType", "Hash", "Pdf")
DelegatorType = _enumeration("DelegatorType", "None", "Person", "Organization")
SignStatus = _enumeration("SignStatus", "Pending", "Success", "Failure", "Expired")


class SignContent(ComplexModel):
    """One content to be signed."""

    __namespace__ = NAMESPACE
    Content: Any = ByteArray(**_REQUIRED)
    CorrelationID: Any = Unicode(**_OPTIONAL)
    MultipleSignatures: Any = Boolean(**_OPTIONAL_VALUE)
    Name: Any = Unicode(**_OPTIONAL)


class ExpectedSigner(ComplexModel):
    """The person who must sign."""

    __namespace__ = NAMESPACE
    DelegatedRoleID: Any = Integer32(**_OPTIONAL_VALUE)
    DelegatorID: Any = Unicode(**_OPTIONAL)
    DelegatorType: Any = DelegatorType.customize(**_OPTIONAL_VALUE)
    ID: Any = Unicode(**_REQUIRED)


class SignRequest(ComplexModel):
    """What PostSignRequest takes."""

    __namespace__ = NAMESPACE
    ContentDescription: Any = Unicode(**_OPTIONAL)
    ContentType: Any = ContentType.customize(**_REQUIRED_VALUE)
    Contents: Any = Array(SignContent, **_REQUIRED)
    ExpectedSigner: Any = ExpectedSigner.customize(**_OPTIONAL)
    ShortContentDescription: Any = Unicode(**_REQUIRED)
    SignatureReason: Any = Unicode(**_OPTIONAL)


class SignResult(ComplexModel):
    """One content's signature."""

    __namespace__ = NAMESPACE
    Certificate: Any = ByteArray(**_OPTIONAL)
    CorrelationID: Any = Unicode(**_OPTIONAL)
    Signature: Any = ByteArray(**_OPTIONAL)


class SignResponse(ComplexModel):
    """What GetSignResponse answers."""

    __namespace__ = NAMESPACE
    Message: Any = Unicode(**_OPTIONAL)
    Results: Any = Array(SignResult, **_REQUIRED)
    Status: Any = SignStatus.customize(**_REQUIRED_VALUE)


class VerificationContent(ComplexModel):
    """One signature to be verified."""

    __namespace__ = NAMESPACE
    Content: Any = ByteArray(**_OPTIONAL)
    CorrelationID: Any = Unicode(**_OPTIONAL)
    Signature: Any = ByteArray(**_REQUIRED)


class VerificationRequest(ComplexModel):
    """What VerifySignatures takes."""

    __namespace__ = NAMESPACE
    Contents: Any = Array(VerificationContent, **_REQUIRED)
    Language: Any = Unicode(**_OPTIONAL)
    SignedContentType: Any = ContentType.customize(**_REQUIRED_VALUE)


class VerificationCertificate(ComplexModel):
    """One signer found in a verified content."""

    __namespace__ = NAMESPACE
    Certificate: Any = ByteArray(**_REQUIRED)
    SignatureValid: Any = Boolean(**_REQUIRED_VALUE)
    SignedAt: Any = DateTime(**_OPTIONAL)
    Subject: Any = Unicode(**_REQUIRED)


class VerificationResult(ComplexModel):
    """What was found out about one content."""

    __namespace__ = NAMESPACE
    Certificates: Any = Array(VerificationCertificate, **_OPTIONAL)
    CorrelationID: Any = Unicode(**_OPTIONAL)
    Message: Any = Unicode(**_REQUIRED)
    SignaturesValid: Any = Boolean(**_REQUIRED_VALUE)


class VerificationResponse(ComplexModel):
    """What VerifySignatures answers."""

    __namespace__ = NAMESPACE
    Results: Any = Array(VerificationResult, **_REQUIRED)


Text = Unicode(**_OPTIONAL)
SignRequestParameter = SignRequest.customize(**_OPTIONAL)
SignResponseAnswer = SignResponse.customize(**_OPTIONAL)
VerificationRequestParameter = VerificationRequest.customize(**_OPTIONAL)
VerificationResponseAnswer = VerificationResponse.customize(**_OPTIONAL)
