"""CMS SignedData taken apart (RFC 5652 § 5), as hostile octets: bounded, signer by signer, nothing verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.asn1 import der
from gateway.asn1.ber import BerReader, Node, is_der
from gateway.formats.pades.algorithms import digest_name
from gateway.formats.pades.distinguished import distinguished

ID_DATA = "1.2.840.113549.1.7.1"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_SIGNATURE_TIME_STAMP = "1.2.840.113549.1.9.16.2.14"
_REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
_ADOBE_REVOCATION = "1.2.840.113583.1.1.8"
_OCSP_INFO = "1.3.6.1.5.5.7.16.2"
_ID_PKIX_OCSP_BASIC = der.oid("1.3.6.1.5.5.7.48.1.1")
_MOST_EMBEDDED = 256
_MOST_TOKENS = 64
_MOST_SIGNERS = 16


@dataclass(frozen=True, slots=True)
class SignedData:
    """
    What a SignedData says by one of its signers; *encoded* is the whole ContentInfo without padding.

    *attributes* maps each signed attribute to its values (whole elements), None where nothing but the content is
    signed; *signed_octets* are those attributes as the SET OF that is signed. *algorithm* and *parameters* are the
    signature's, *digest* the SignerInfo's by its hashlib name, or dotted.
    """

    encoded: bytes
    content_type: str
    content: bytes | None
    certificates: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    ocsp_responses: tuple[bytes, ...]
    issuer_and_serial: tuple[bytes, bytes] | None
    key_identifier: bytes | None
    digest: str
    attributes: Mapping[str, tuple[bytes, ...]] | None
    signed_octets: bytes | None
    algorithm: str
    parameters: bytes
    value: bytes
    tokens: tuple[bytes, ...]

    def single(self, attribute: str) -> bytes | None:
        """The one value of a signed attribute, None without it. Raises ``ValueError`` for several."""
        values = (self.attributes or {}).get(attribute)
        if values is None:
            return None
        (value,) = values
        return value


def read_signed_data(contents: bytes) -> tuple[SignedData, ...]:
    """
    Read the ContentInfo at the start of *contents*, once for each of its signers; what follows it is padding.

    Raises:
        ValueError: Anything else but a SignedData, or one without signers or with more than 16.

    """
    return _Reading().read(contents)


class _Reading:
    """One walk over one SignedData."""

    def __init__(self) -> None:
        self._ber = BerReader()
        self._crls: list[bytes] = []
        self._ocsp: list[bytes] = []

    def read(self, contents: bytes) -> tuple[SignedData, ...]:
        whole = self._ber.read(contents)
        kind, wrapped = self._members(whole, 2)
        if _oid(kind) != _SIGNED_DATA:
            raise ValueError("not a SignedData")
        (body,) = self._ber.children(wrapped)
        members = list(self._ber.children(body))
        if len(members) < 4:
            raise ValueError("not a SignedData")
        content_type, content = self._encapsulated(members[2])
        certificates: tuple[bytes, ...] = ()
        for member in members[3:-1]:
            if member.tag == 0xA0:
                entries = (entry.encoded for entry in self._ber.children(member) if entry.tag == der.SEQUENCE)
                certificates = tuple(dict.fromkeys(entries))[:_MOST_EMBEDDED]
            elif member.tag == 0xA1:
                self._revocation_infos(member)
        signers = list(self._ber.children(members[-1])) if members[-1].tag == der.SET else []
        if not 1 <= len(signers) <= _MOST_SIGNERS:
            raise ValueError("without signers, or with too many")
        encoded = whole.encoded
        return tuple(self._signed_data(encoded, content_type, content, certificates, one) for one in signers)

    def _signed_data(
        self,
        encoded: bytes,
        content_type: str,
        content: bytes | None,
        certificates: tuple[bytes, ...],
        signer: Node,
    ) -> SignedData:
        members = list(self._ber.children(signer))
        signed = members[3] if len(members) > 3 and members[3].tag == 0xA0 else None
        if signed is not None:
            del members[3]
        _, identifier, digest, algorithm, value, *rest = members
        attributes, octets = self._signed_attributes(signed) if signed is not None else (None, None)
        names = list(self._ber.children(algorithm))
        unsigned = next((member for member in rest if member.tag == 0xA1), None)
        tokens = tuple(self._unsigned_attributes(unsigned))[:_MOST_TOKENS] if unsigned is not None else ()
        return SignedData(
            encoded=encoded,
            content_type=content_type,
            content=content,
            certificates=certificates,
            crls=tuple(dict.fromkeys(self._crls))[:_MOST_EMBEDDED],
            ocsp_responses=tuple(dict.fromkeys(self._ocsp))[:_MOST_EMBEDDED],
            issuer_and_serial=self._issuer_and_serial(identifier),
            key_identifier=identifier.body if identifier.tag == 0x80 else None,
            digest=digest_name(_oid(next(self._ber.children(digest)))),
            attributes=attributes,
            signed_octets=octets,
            algorithm=_oid(names[0]),
            parameters=names[1].encoded if len(names) > 1 else b"",
            value=self._ber.octets(value),
            tokens=tokens,
        )

    def _members(self, node: Node, count: int) -> list[Node]:
        if node.tag != der.SEQUENCE:
            raise ValueError("not a SEQUENCE")
        members = list(self._ber.children(node))
        if len(members) != count:
            raise ValueError("not the expected members")
        return members

    def _encapsulated(self, node: Node) -> tuple[str, bytes | None]:
        kind, *wrapped = self._ber.children(node)
        if not wrapped:
            return _oid(kind), None
        (content,) = self._ber.children(wrapped[0])
        return _oid(kind), self._ber.octets(content)

    def _issuer_and_serial(self, node: Node) -> tuple[bytes, bytes] | None:
        if node.tag != der.SEQUENCE:
            return None
        issuer, serial = self._members(node, 2)
        return issuer.encoded, serial.encoded

    def _signed_attributes(self, node: Node) -> tuple[dict[str, tuple[bytes, ...]], bytes]:
        # They are signed as a SET OF in DER, whatever the encoding around them (RFC 5652 § 5.4).
        octets = der.tlv(der.SET, node.body)
        if node.end != node.content_end or not is_der(octets):
            octets = distinguished(octets)
        attributes: dict[str, tuple[bytes, ...]] = {}
        for kind, values in self._attributes(self._ber.read(octets)):
            attributes[kind] = attributes.get(kind, ()) + values
            if kind == _ADOBE_REVOCATION:
                self._revocation_values(values, wrapped=True)
        return attributes, octets

    def _attributes(self, node: Node) -> Iterator[tuple[str, tuple[bytes, ...]]]:
        for attribute in self._ber.children(node):
            kind, values = self._members(attribute, 2)
            yield _oid(kind), tuple(value.encoded for value in self._ber.children(values))

    def _unsigned_attributes(self, node: Node) -> Iterator[bytes]:
        for kind, values in self._attributes(node):
            if kind == _SIGNATURE_TIME_STAMP:
                yield from values
            elif kind == _REVOCATION_VALUES:
                self._revocation_values(values, wrapped=False)

    def _revocation_infos(self, node: Node) -> None:
        """RevocationInfoChoices (RFC 5652 § 10.2.1, RFC 5940)."""
        for entry in self._ber.children(node):
            if entry.tag == der.SEQUENCE:
                self._crls.append(entry.encoded)
            elif entry.tag == 0xA1:
                kind, value = self._ber.children(entry)
                if _oid(kind) == _OCSP_INFO:
                    self._ocsp.append(value.encoded)

    def _revocation_values(self, values: tuple[bytes, ...], *, wrapped: bool) -> None:
        """Adobe's RevocationInfoArchival, or CAdES's RevocationValues whose OCSP responses are bare."""
        try:
            for value in values:
                for member in self._ber.children(self._ber.read(value)):
                    groups = self._ber.children(member)
                    entries = [entry.encoded for group in groups for entry in self._ber.children(group)]
                    if member.tag == 0xA0:
                        self._crls.extend(entries)
                    elif member.tag == 0xA1:
                        self._ocsp.extend(entries if wrapped else map(_ocsp_response, entries))
        except ValueError:
            return  # evidence that cannot be read is none


def _ocsp_response(basic: bytes) -> bytes:
    """A BasicOCSPResponse as a successful OCSPResponse (RFC 6960 § 4.2.1)."""
    return der.sequence(
        der.tlv(0x0A, b"\0"),
        der.explicit(0, der.sequence(_ID_PKIX_OCSP_BASIC, der.octet_string(basic))),
    )


def _oid(node: Node) -> str:
    return der.read_oid(der.whole(node.encoded, der.OID))
