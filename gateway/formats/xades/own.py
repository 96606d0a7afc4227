"""
Signatures in exactly the form in which ``writing`` writes them, read without a tree.

Most of what a gateway is asked about it wrote itself. Such a document is known from its first octet to its last: one
regular expression, made of the very pieces that writing joins, fixes every tag, attribute, namespace and Id, and leaves
holes only for what cannot hold markup. So nothing can be doubled, moved, commented out or renamed in it, its parts
stand in their canonical form already, and what the general way finds out about such a document is plain beforehand.

Only a signature that holds is answered for. Whatever is otherwise - another form, a digest or value that differs, a
base64 that has another spelling - is left to the general way, which says what is wrong.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.domain.verdicts import IntegrityVerdict, SignatureKind, TimeStampFound, TimeStampKind
from gateway.formats.xades import writing
from gateway.formats.xades.certificates import LARGEST_CERTIFICATE
from gateway.formats.xades.names import DIGEST_URIS, METHOD_URIS, ValueMethod
from gateway.formats.xades.structure import LARGEST_DIGEST, LARGEST_VALUE
from gateway.formats.xades.texts import NotText, spelt_in_base64, time_in
from gateway.formats.xades.unsigned import LARGEST_TOKEN
from gateway.formats.xades.values import Method, holds

_LARGEST = 64 * 1024
_MOST_CERTIFICATES = 8
_LARGEST_KEPT = 16 * 1024

_BEFORE, _BETWEEN, _AFTER = (
    b"<ds:X509Certificate>",
    b"</ds:X509Certificate><ds:X509Certificate>",
    b"</ds:X509Certificate>",
)
_METHODS = {
    METHOD_URIS[ValueMethod(scheme, digest)].encode("ascii"): Method(scheme, digest, digest, 0)
    for scheme, digest in (("pkcs1", "sha256"), ("ecdsa", "sha256"), ("ecdsa", "sha384"), ("ecdsa", "sha512"))
}
_CONTENT_METHODS = {algorithm: DIGEST_URIS[algorithm.value].encode("ascii") for algorithm in DigestAlgorithm}

# No hole can hold markup: what is in it is looked up in a table, or must be base64 in its only spelling.
_HOLES = {
    "id": "[0-9a-f]{32}",
    "time": "[0-9T:Z-]{20}",
    "method": '[^<"]*',
    "content_method": '[^<"]*',
    "content": "[^<]*",
    "properties": "[^<]*",
    "certificate_digest": "[^<]*",
    "value": "[^<]*",
    "token": "[^<]*",
    "certificates": "(?:<ds:X509Certificate>[^<]*</ds:X509Certificate>)+",
}


def _pattern() -> re.Pattern[bytes]:
    """A whole document, each hole a group; where a hole is met again it must hold the same."""
    met: set[str] = set()

    def hole(found: re.Match[str]) -> str:
        name = found[1]
        again = name in met
        met.add(name)
        return f"(?P={name})" if again else f"(?P<{name}>{_HOLES[name]})"

    def piece(written: str) -> str:
        return re.sub(r"\\\{([a-z_]+)\\\}", hole, re.escape(written))

    signed_info = writing.SIGNED_INFO.replace(writing.NAMESPACE.decode("ascii"), "", 1)
    return re.compile(
        "".join(
            (
                piece(writing.BEGINNING.decode("ascii") % "{id}"),
                f"(?P<signed_info>{piece(signed_info)})",
                piece(writing.signature_value(b"{id}", b"{value}", b"").decode("ascii")),
                piece("<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>"),
                piece(writing.OBJECT + writing.within(writing.SIGNED_PROPERTIES)),
                f"(?:{piece(writing.UNSIGNED.decode('ascii') % '{token}')})?",
                piece(writing.END.decode("ascii")),
            )
        ).encode("ascii")
    )


_DOCUMENT = _pattern()
_SIGNED_PROPERTIES = re.sub(r"\{([a-z_]+)\}", r"%(\1)s", writing.SIGNED_PROPERTIES).encode("ascii")
_SIGNED_INFO = b"<ds:SignedInfo"


class _Carried(NamedTuple):
    """The certificates in KeyInfo, each once, and their SHA-256."""

    certificates: tuple[bytes, ...]
    digests: tuple[bytes, ...]


class OwnSignatures:
    """Reads what ``writing`` wrote. Keeps the certificates read lately, which follow from their text. Thread-safe."""

    def __init__(self, key_of: Callable[[bytes], PublicKeyTypes | None], *, kept: int) -> None:
        """*key_of* reads the public key of a certificate (DER), or None; *kept*: sets of certificates, at most."""
        self._key_of = key_of
        self._remembered = lru_cache(maxsize=kept)(_carried)

    def read(self, data: bytes, content: bytes) -> IntegrityVerdict | None:
        """
        The verdict on the one signature in *data* over the hash *content*, equal to what ``reading`` says.

        None where the document is not of this form or its signature does not hold: ask ``reading``.
        """
        found = _DOCUMENT.fullmatch(data) if len(data) <= _LARGEST else None
        if found is None:
            return None
        try:
            return self._judge(found, ContentDigest.of(content))
        except (NotText, ValueError):
            return None

    def _judge(self, found: re.Match[bytes], content: ContentDigest) -> IntegrityVerdict | None:
        method = _METHODS.get(found["method"])
        if method is None or found["content_method"] != _CONTENT_METHODS[content.algorithm]:
            return None
        if not hmac.compare_digest(_digest(found["content"]), content.value) or not _properties_hold(found):
            return None
        moment = time_in(found["time"].decode("ascii"))
        carried = self._certificates(found["certificates"])
        named = _digest(found["certificate_digest"])
        if moment is None or carried.digests.count(named) != 1:
            return None
        certificate = carried.certificates[carried.digests.index(named)]
        key = self._key_of(certificate)
        value = spelt_in_base64(found["value"], LARGEST_VALUE)
        octets = _SIGNED_INFO + writing.NAMESPACE + found["signed_info"][len(_SIGNED_INFO) :]
        stamps = _time_stamps(found)
        if key is None or holds(method, key, octets, value) is not True:
            return None
        return IntegrityVerdict(
            kind=SignatureKind.SIGNATURE,
            crypto_valid=True,
            structure_valid=True,
            failure=None,
            certificate=certificate,
            certificate_reference_matches=True,
            other_certificates=tuple(one for one in carried.certificates if one != certificate),
            time_stamps=stamps,
            claimed_signing_time=moment,
            signature_digests=frozenset({DigestAlgorithm.SHA256, DigestAlgorithm(method.digest)}),
            content_digest=content.algorithm,
            level="XAdES-BASELINE-T" if stamps else "XAdES-BASELINE-B",
            covers=(writing.CONTENT_URI,),
        )

    def _certificates(self, written: bytes) -> _Carried:
        return self._remembered(written) if len(written) <= _LARGEST_KEPT else _carried(written)


def _carried(written: bytes) -> _Carried:
    """Raises ``NotText`` for what the general way would leave out or cut off."""
    spelt = written.removeprefix(_BEFORE).removesuffix(_AFTER).split(_BETWEEN)
    certificates = tuple(dict.fromkeys(spelt_in_base64(one, LARGEST_CERTIFICATE) for one in spelt))
    if len(spelt) > _MOST_CERTIFICATES or b"" in certificates:
        raise NotText
    return _Carried(certificates, tuple(hashlib.sha256(one).digest() for one in certificates))


def _digest(written: bytes) -> bytes:
    return spelt_in_base64(written, LARGEST_DIGEST)


def _properties_hold(found: re.Match[bytes]) -> bool:
    """SignedProperties as they are hashed, with the namespaces that in the document are declared above them."""
    names = (b"id", b"time", b"certificate_digest")
    octets = _SIGNED_PROPERTIES % {name: found[name.decode("ascii")] for name in names}
    return hmac.compare_digest(hashlib.sha256(octets).digest(), _digest(found["properties"]))


def _time_stamps(found: re.Match[bytes]) -> tuple[TimeStampFound, ...]:
    token = found["token"]
    if token is None:
        return ()
    covered = writing.signature_value(found["id"], found["value"], writing.NAMESPACE)
    return (TimeStampFound(spelt_in_base64(token, LARGEST_TOKEN), covered, TimeStampKind.SIGNATURE),)
