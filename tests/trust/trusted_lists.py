"""Trusted lists of a declared world: written as TS 119 612 says, signed as scheme operators sign."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureMethod, XMLSigner, methods
from signxml.xades import XAdESSigner

TYPE = "http://uri.etsi.org/TrstSvc/Svctype/"
STATUS = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/"
EXTENSION = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/"
_NAMES = (
    'xmlns="http://uri.etsi.org/02231/v2#" '
    'xmlns:sie="http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#" '
    'xmlns:more="http://uri.etsi.org/02231/v2/additionaltypes#" xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"'
)


def _when(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(holders) -> str:
    return "".join(
        f"<DigitalId><X509Certificate>{b64encode(h.der).decode()}</X509Certificate></DigitalId>" for h in holders
    )


def _named(tag: str, text: str) -> str:
    return f'<{tag}><Name xml:lang="en">{escape(text)}</Name></{tag}>'


def status(kind, state, since, *, holders=(), extensions="") -> str:
    """A service's particulars from *since* on."""
    return (
        f"<ServiceTypeIdentifier>{TYPE}{kind}</ServiceTypeIdentifier>{_named('ServiceName', 'Service')}"
        f"<ServiceDigitalIdentity>{_identity(holders)}</ServiceDigitalIdentity>"
        f"<ServiceStatus>{STATUS}{state}</ServiceStatus><StatusStartingTime>{_when(since)}</StatusStartingTime>"
        + (f"<ServiceInformationExtensions>{extensions}</ServiceInformationExtensions>" if extensions else "")
    )


def service(present: str, *history: str) -> str:
    past = "".join(f"<ServiceHistoryInstance>{one}</ServiceHistoryInstance>" for one in history)
    return (
        f"<TSPService><ServiceInformation>{present}</ServiceInformation>"
        + (f"<ServiceHistory>{past}</ServiceHistory>" if past else "")
        + "</TSPService>"
    )


def granted(holder, since, kind="CA/QC", state="granted", extensions="") -> str:
    return service(status(kind, state, since, holders=[holder], extensions=extensions))


def extension(body: str, *, critical: bool = True) -> str:
    return f'<Extension Critical="{str(critical).lower()}">{body}</Extension>'


def information(kind: str) -> str:
    return extension(
        f'<AdditionalServiceInformation><URI xml:lang="en">{EXTENSION}{kind}</URI></AdditionalServiceInformation>'
    )


def qualifiers(names, criteria: str) -> str:
    marks = "".join(f'<sie:Qualifier uri="{EXTENSION}{name}"/>' for name in names)
    return extension(
        f"<sie:Qualifications><sie:QualificationElement><sie:Qualifiers>{marks}</sie:Qualifiers>{criteria}"
        "</sie:QualificationElement></sie:Qualifications>"
    )


def criteria(combine: str, *inner: str) -> str:
    return f'<sie:CriteriaList assert="{combine}">{"".join(inner)}</sie:CriteriaList>'


def usage(**bits: bool) -> str:
    marks = "".join(f'<sie:KeyUsageBit name="{n}">{str(v).lower()}</sie:KeyUsageBit>' for n, v in bits.items())
    return f"<sie:KeyUsage>{marks}</sie:KeyUsage>"


def policies(*oids: str) -> str:
    marks = "".join(
        f"<sie:PolicyIdentifier><xades:Identifier>{oid}</xades:Identifier></sie:PolicyIdentifier>" for oid in oids
    )
    return f"<sie:PolicySet>{marks}</sie:PolicySet>"


def purposes(*oids: str) -> str:
    marks = "".join(
        f"<more:KeyPurposeId><xades:Identifier>{oid}</xades:Identifier></more:KeyPurposeId>" for oid in oids
    )
    return f"<sie:otherCriteriaList><more:ExtendedKeyUsage>{marks}</more:ExtendedKeyUsage></sie:otherCriteriaList>"


def pointer(url: str, territory: str, signers, *, kind="EUgeneric", mime="application/vnd.etsi.tsl+xml") -> str:
    return (
        f"<OtherTSLPointer><ServiceDigitalIdentities><ServiceDigitalIdentity>{_identity(signers)}"
        f"</ServiceDigitalIdentity></ServiceDigitalIdentities><TSLLocation>{url}</TSLLocation><AdditionalInformation>"
        f"<OtherInformation><TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/{kind}</TSLType>"
        f"</OtherInformation><OtherInformation>{_named('SchemeOperatorName', 'Operator')}</OtherInformation>"
        f"<OtherInformation><SchemeTerritory>{territory}</SchemeTerritory></OtherInformation><OtherInformation>"
        f"<more:MimeType>{mime}</more:MimeType></OtherInformation></AdditionalInformation></OtherTSLPointer>"
    )


def trusted_list(
    services="", *, issued, following, sequence=1, version=5, territory="MD", pointers="", kind="EUgeneric"
) -> bytes:
    """An unsigned list."""
    uri = "http://example.org/list"
    every = f"<PointersToOtherTSL>{pointers}</PointersToOtherTSL>" if pointers else ""
    providers = (
        "<TrustServiceProviderList><TrustServiceProvider><TSPInformation>"
        f"{_named('TSPName', 'Provider')}</TSPInformation><TSPServices>{services}</TSPServices>"
        "</TrustServiceProvider></TrustServiceProviderList>"
        if services
        else ""
    )
    update = f"<dateTime>{_when(following)}</dateTime>" if following else ""
    return (
        f'<TrustServiceStatusList {_NAMES} Id="list" TSLTag="http://uri.etsi.org/19612/TSLTag"><SchemeInformation>'
        f"<TSLVersionIdentifier>{version}</TSLVersionIdentifier><TSLSequenceNumber>{sequence}</TSLSequenceNumber>"
        f"<TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/{kind}</TSLType>"
        f"{_named('SchemeOperatorName', 'Operator')}"
        f'<SchemeInformationURI><URI xml:lang="en">{uri}</URI></SchemeInformationURI>'
        f"<SchemeTerritory>{territory}</SchemeTerritory>{every}"
        f"<ListIssueDateTime>{_when(issued)}</ListIssueDateTime><NextUpdate>{update}</NextUpdate>"
        f"</SchemeInformation>{providers}</TrustServiceStatusList>"
    ).encode()


def signed(data: bytes, signer, *, reference: str | None = None, xades: bool = True) -> bytes:
    """*data* with an enveloped signature by *signer*; *reference* signs that Id alone."""
    kind = XAdESSigner if xades else XMLSigner
    inclusive, exclusive = (
        CanonicalizationMethod.CANONICAL_XML_1_1,
        CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    made = kind(
        method=methods.enveloped,
        signature_algorithm=SignatureMethod.ECDSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=inclusive if xades else exclusive,  # its XAdES with the exclusive one does not verify
    )
    root = made.sign(
        etree.fromstring(data),
        key=signer.key,
        cert=[signer.cert.public_bytes(Encoding.PEM).decode()],
        reference_uri=reference,
    )
    return etree.tostring(root)
