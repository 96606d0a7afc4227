"""Signatures in our own form are read without a tree, and what is said of them is what the general way says."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.asn1.public_keys import public_key_of
from gateway.domain.contents import ContentDigest
from gateway.errors import UnreadableSignature
from gateway.formats.xades import writing
from gateway.formats.xades.engine import XadesEngine
from gateway.formats.xades.names import C14N_EXCLUSIVE, DIGEST_URIS, METHOD_URIS, ValueMethod
from gateway.formats.xades.own import OwnSignatures

HASH = hashlib.sha256(b"what was signed").digest()
NAME = "0123456789abcdef" * 2
TOKEN = b"whatever a time-stamping authority says"


class _Nobody:
    """Stands for the short way, and never answers."""

    @staticmethod
    def read(_data, _content):
        return None


@pytest.fixture(scope="module")
def own() -> OwnSignatures:
    return OwnSignatures(public_key_of, kept=8)


@pytest.fixture(scope="module")
def general() -> XadesEngine:
    """An engine that always goes the general way."""
    made = XadesEngine()
    made._own = _Nobody()
    return made


def answer(engine, data, content):
    try:
        return list(engine.read(io.BytesIO(data), content))
    except UnreadableSignature as problem:
        return str(problem)


@pytest.mark.parametrize("kind", ["rsa-2048", "rsa-3072", "p-256", "p-384", "p-521"])
@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_what_the_engine_writes_is_read_without_a_tree(own, general, engine, signers, kind, token, digest):
    """Whoever changes how signatures are written must see that they are still recognised, and judged alike."""
    content = hashlib.new(digest, b"what was signed").digest()
    signature = signers[kind].sign(engine, ContentDigest.of(content), token=token)
    verdict = own.read(signature, content)
    assert verdict is not None
    assert verdict.crypto_valid
    assert [verdict] == answer(general, signature, content)


def test_what_does_not_hold_is_left_to_the_general_way(own, engine, ana, signers):
    """Another hash, one of no known length, another's value, no key that can be read."""
    signature = ana.sign(engine, ContentDigest.of(HASH), token=TOKEN)
    assert own.read(signature, HASH) is not None
    assert own.read(signature, hashlib.sha256(b"another").digest()) is None
    assert own.read(signature, hashlib.sha1(b"what was signed").digest()) is None
    assert own.read(signature, b"short") is None
    assert OwnSignatures(lambda _certificate: None, kept=8).read(signature, HASH) is None
    another = engine.prepare(ContentDigest.of(HASH), ana.parameters())
    out = io.BytesIO()
    engine.complete(ContentDigest.of(HASH), another, signers["p-384"].value(another.data), None, out)
    assert own.read(out.getvalue(), HASH) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda s: b'<?xml version="1.0"?>' + s,
        lambda s: s + b"\n",
        lambda s: b"<x>" + s + b"</x>",
        lambda s: s.replace(b"<ds:KeyInfo>", b"<!-- --><ds:KeyInfo>"),
        lambda s: s.replace(b"<ds:KeyInfo>", b"<ds:KeyInfo >"),
        lambda s: s.replace(b"<ds:Object>", b"<ds:Object></ds:Object><ds:Object>"),
        lambda s: s.replace(b"<ds:Object>", b'<ds:Object Id="p-' + NAME.encode() + b'">'),
        lambda s: s.replace(b"</ds:X509Data>", b"</ds:X509Data><ds:X509Data></ds:X509Data>"),
        lambda s: s.replace(b'Id="v-0', b'Id="v-1'),
        lambda s: s.replace(b'Id="s-0', b'Id="p-0'),
        lambda s: s.replace(b'Target="#s-0', b'Target="#s-1'),
        lambda s: s.replace(b"</ds:SignatureValue>", b"\n</ds:SignatureValue>"),
        lambda s: s.replace(b"</ds:X509Certificate>", b" </ds:X509Certificate>", 1),
        lambda s: s.replace(b"</xades:EncapsulatedTimeStamp>", b"=</xades:EncapsulatedTimeStamp>"),
        lambda s: s.replace(b"</xades:EncapsulatedTimeStamp>", b"&#65;</xades:EncapsulatedTimeStamp>"),
        lambda s: s.replace(b"<xades:MimeType>", b"<xades:MimeType>&amp;"),
        lambda s: s.replace(b"<xades:MimeType>", b"<xades:MimeType><![CDATA[]]>"),
    ],
)
def test_any_other_form_is_left_to_the_general_way(own, general, engine, ana, change):
    """However little it differs; and the engine then says what the general way says."""
    signature = ana.sign(engine, ContentDigest.of(HASH), token=TOKEN)
    changed = change(signature)
    assert changed != signature
    assert own.read(changed, HASH) is None
    assert answer(engine, changed, HASH) == answer(general, changed, HASH)


_PIECES = [
    b"", b"<", b">", b'"', b" ", b"\n", b"\t", b"=", b"==", b"&amp;", b"&#10;", b"<!---->", b"<?x?>", b"<![CDATA[]]>",
    b"\xef\xbb\xbf", b"\0", b"A", b"0", b'Id="p-%s"' % NAME.encode(), b"<!DOCTYPE x>", b"<ds:Object></ds:Object>",
    b"<ds:Signature></ds:Signature>", b"</ds:Object><ds:Object>", b' xmlns:ds="urn:x"', b' xmlns="urn:x"',
]  # fmt: skip


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_signature_is_judged_alike_on_both_ways(own, general, engine, ana, data):
    """A piece put in, taken out, or copied from elsewhere in the document: never two opinions."""
    signature = ana.sign(engine, ContentDigest.of(HASH), token=data.draw(st.sampled_from([None, TOKEN])))
    start = data.draw(st.integers(0, len(signature)))
    end = data.draw(st.integers(start, min(start + 40, len(signature))))
    other = data.draw(st.integers(0, len(signature)))
    copied = signature[other : other + data.draw(st.integers(0, 600))]
    piece = data.draw(st.sampled_from([*_PIECES, copied]) | st.binary(max_size=3))
    changed = signature[:start] + piece + signature[end:]
    verdict = own.read(changed, HASH)
    expected = answer(general, changed, HASH)
    assert verdict is None or [verdict] == expected
    assert answer(engine, changed, HASH) == expected


def _spelt(octets: bytes, spelling: str) -> bytes:
    written = b64encode(octets)
    match spelling:
        case "broken":
            return written[:40] + b"\n" + written[40:]
        case "loose":
            return written.rstrip(b"=")
        case "tail":
            return written + b"AAAA"
    return written


@given(
    time=st.sampled_from(
        ["2026-01-02T03:04:05Z", "2026-13-02T03:04:05Z", "0000-01-02T03:04:05Z", "2026-01-02T24:00:00Z", "T" * 20]
    ),
    scheme=st.sampled_from([("ecdsa", "sha256"), ("ecdsa", "sha384"), ("ecdsa", "sha1"), ("pkcs1", "sha256")]),
    carried=st.lists(st.sampled_from(["own", "issuer", "twin", "junk", "none"]), min_size=1, max_size=10),
    named=st.sampled_from(["own", "issuer", "twin", "junk"]),
    method=st.sampled_from(["sha256", "sha512", "sha3_256"]),
    content=st.sampled_from([HASH, HASH[::-1], HASH + HASH]),
    spellings=st.fixed_dictionaries(
        {name: st.sampled_from(["plain"] * 6 + ["broken", "loose", "tail"]) for name in ("value", "token", "carried")}
    ),
    stamped=st.booleans(),
)
@example("2026-01-02T03:04:05Z", ("ecdsa", "sha256"), ["own"], "own", "sha256", HASH, {}, True)
@example("2026-01-02T03:04:05Z", ("ecdsa", "sha256"), ["issuer", "own", "own"], "own", "sha256", HASH, {}, True)
@example("2026-01-02T03:04:05Z", ("ecdsa", "sha256"), ["twin", "own"], "own", "sha256", HASH, {}, False)
@example("2026-01-02T03:04:05Z", ("ecdsa", "sha256"), ["twin", "own"], "junk", "sha256", HASH, {}, False)
@example("2026-01-02T03:04:05Z", ("ecdsa", "sha256"), ["issuer", "own"], "issuer", "sha256", HASH, {}, False)
@settings(max_examples=150, deadline=None)
def test_a_signer_who_writes_in_our_form_is_judged_alike_on_both_ways(
    own, general, engine, authority, ana, time, scheme, carried, named, method, content, spellings, stamped
):
    """Whatever somebody with a key puts into the holes of the form, and signs."""
    twin = _twin(authority, ana)
    pool = {"own": ana.der, "issuer": ana.issuer, "twin": twin, "junk": b"no certificate", "none": b""}
    properties = writing.SIGNED_PROPERTIES.format(
        id=NAME, time=time, certificate_digest=b64encode(hashlib.sha256(pool[named]).digest()).decode()
    )
    signed_info = writing.SIGNED_INFO.replace("{method}", METHOD_URIS[ValueMethod(*scheme)]).format(
        id=NAME,
        content_method=DIGEST_URIS[method],
        content=b64encode(content).decode(),
        properties=b64encode(hashlib.sha256(properties.encode()).digest()).decode(),
    )
    kinds = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384}
    parts = decode_dss_signature(ana.key.sign(signed_info.encode(), ec.ECDSA(kinds[scheme[1]]())))
    value = _spelt(b"".join(part.to_bytes(32, "big") for part in parts), spellings.get("value", ""))
    certificates = b"".join(
        b"<ds:X509Certificate>%s</ds:X509Certificate>" % _spelt(pool[name], spellings.get("carried", ""))
        for name in carried
    )
    data = b"".join(
        (
            writing.BEGINNING % NAME.encode(),
            signed_info.encode().replace(writing.NAMESPACE, b"", 1),
            writing.signature_value(NAME.encode(), value, b""),
            b"<ds:KeyInfo><ds:X509Data>%s</ds:X509Data></ds:KeyInfo>" % certificates,
            (writing.OBJECT.format(id=NAME) + writing.within(properties)).encode(),
            writing.UNSIGNED % _spelt(TOKEN, spellings.get("token", "")) if stamped else b"",
            writing.END,
        )
    )
    expected = answer(general, data, HASH)
    verdict = own.read(data, HASH)
    assert verdict is None or [verdict] == expected
    assert answer(engine, data, HASH) == expected


_TWINS: dict[bytes, bytes] = {}


def _twin(authority, signer) -> bytes:
    """Another certificate over the same key."""
    if signer.der not in _TWINS:
        _TWINS[signer.der] = authority.signer_for(signer.key).der
    return _TWINS[signer.der]


def test_the_canonical_form_is_the_one_that_a_canonicaliser_gives(engine, ana):
    """What is hashed is not what this project believes of itself."""
    signature = ana.sign(engine, ContentDigest.of(HASH))
    root = etree.fromstring(signature)
    assert C14N_EXCLUSIVE.encode() in signature
    value = root.find("{*}SignatureValue")
    covered = writing.signature_value(NAME.encode(), value.text.encode(), writing.NAMESPACE)
    assert etree.tostring(value, method="c14n", exclusive=True) == covered
