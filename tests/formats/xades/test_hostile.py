"""Whatever the bytes: an answer soon, within bounds of memory, and no exception but the one for what cannot be read."""

from __future__ import annotations

import hashlib
import io
import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.asn1.public_keys import public_key_of
from gateway.domain.verdicts import IntegrityVerdict
from gateway.errors import UnreadableSignature
from gateway.formats.xades import values
from gateway.formats.xades.parsing import MAX_BYTES

HASH = hashlib.sha256(b"what was signed").digest()
SOON = 3.0
"""Seconds: far more than any of these takes, far less than any attack would."""


def refused(engine, data: bytes) -> str:
    """The reason, which must come soon."""
    begun = time.monotonic()
    with pytest.raises(UnreadableSignature) as caught:
        engine.read(io.BytesIO(data), HASH)
    assert time.monotonic() - begun < SOON
    return caught.value.reason


LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {b} '{('&' + a + ';') * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
WITH_DTD = {
    "billion laughs": LAUGHS + "<l x='&i;'>&i;</l>",
    "external entity": "<!DOCTYPE l [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><l>&e;</l>",
    "parameter entity": "<!DOCTYPE l [<!ENTITY % e SYSTEM 'http://127.0.0.1:9/'> %e;]><l/>",
    "external subset": "<!DOCTYPE l SYSTEM 'http://127.0.0.1:9/x.dtd'><l/>",
    "defaults of attributes": "<!DOCTYPE l [<!ATTLIST l Id ID 'x'>]><l/>",
    "nothing in it": "<!DOCTYPE l><l/>",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "iso-8859-1"])
@pytest.mark.parametrize("kind", WITH_DTD)
def test_a_document_type_is_refused_whatever_it_holds(engine, kind, encoding):
    """Before any entity in it is read, in every encoding that is read at all."""
    declared = encoding if encoding != "utf-16-le" else "utf-16"
    text = f"<?xml version='1.0' encoding='{declared}'?>{WITH_DTD[kind]}"
    data = text.encode(encoding)
    reason = refused(engine, b"\xff\xfe" + data if encoding == "utf-16-le" else data)
    assert reason == "a document type declaration"


def test_a_document_type_before_a_good_signature_is_refused(engine, foreign):
    assert refused(engine, b"<!DOCTYPE x>" + foreign(HASH)) == "a document type declaration"


@pytest.mark.parametrize("encoding", ["utf-7", "ibm037", "shift_jis", "utf-32", "koi8-r", "x"])
def test_unusual_encodings_are_refused(engine, encoding):
    """Two parsers could read them differently."""
    assert refused(engine, f"<?xml version='1.0' encoding='{encoding}'?><a/>".encode())


FLOODS = {
    "elements": (lambda: b"<a>" + b"<b/>" * 100_000 + b"</a>", "too many elements"),
    "depth": (lambda: b"<a>" * 100_000 + b"</a>" * 100_000, "nested too deeply"),
    "attributes": (lambda: b"<a " + b" ".join(b"a%d=''" % n for n in range(100_000)) + b"/>", "too many attributes"),
    "comments": (lambda: b"<a>" + b"<!---->" * 500_000 + b"</a>", "too many nodes"),
    "instructions": (lambda: b"<a>" + b"<?b?>" * 500_000 + b"</a>", "too many nodes"),
    "names": (lambda: b"<a>" + b"".join(b"<b%07d/>" % n for n in range(15_000)) + b"</a>", "too many names"),
    "names of namespaces": (
        lambda: b"<a>" + b"".join(b"<b xmlns='u:%d%s'/>" % (n, b"x" * 999) for n in range(99)) + b"</a>",
        "too many names",
    ),
    "a long name": (lambda: b"<" + b"a" * 1_000_000 + b"/>", "too many names"),
    "namespaces": (
        lambda: b"<a " + b" ".join(b"xmlns:a%d='u:a'" % n for n in range(50)) + b"/>",
        "too many namespaces",
    ),
    "namespaces in depth": (
        lambda: b"".join(b"<a xmlns:a%d='u:a'>" % n for n in range(50)) + b"</a>" * 50,
        "too many namespaces",
    ),
    "bytes": (lambda: b"<a>" + b"x" * MAX_BYTES + b"</a>", "larger than 8388608 bytes"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_too_much_of_anything_is_refused(engine, kind):
    make, reason = FLOODS[kind]
    assert refused(engine, make()) == reason


def test_a_stream_is_not_read_further_than_it_may_go(engine):
    """Its end may be far away."""

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size=-1):
            assert size > 0
            self.given += size
            return b" " * size

    stream = Endless()
    with pytest.raises(UnreadableSignature):
        engine.read(stream, HASH)
    assert stream.given == MAX_BYTES + 1


@pytest.mark.parametrize("where", ["attribute", "text", "certificate", "value", "token", "digest"])
def test_huge_texts_are_read_or_refused_soon(engine, foreign, stranger, ana, where):
    """Almost 8 MiB in one place; at most some multiples of it in memory."""
    huge = "A" * (MAX_BYTES - 16 * 1024)
    text = foreign(HASH, unsigned=stranger.time_stamp(b"token")).decode()
    places = {
        "attribute": ("<ds:KeyInfo>", f'<ds:KeyInfo x="{huge}">'),
        "text": ("<ds:KeyInfo>", f"<ds:KeyInfo>{huge}"),
        "certificate": (stranger.b64(ana.der), huge),
        "value": ('Id="v">', f'Id="v">{huge}'),
        "token": (stranger.b64(b"token"), huge),
        "digest": (stranger.b64(HASH), huge),
    }
    begun = time.monotonic()
    tracemalloc.start()
    try:
        verdicts = engine.read(io.BytesIO(text.replace(*places[where]).encode()), HASH)
        assert where in ("certificate", "token") or verdicts[0].crypto_valid
    except UnreadableSignature:
        assert where in ("value", "digest")
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.monotonic() - begun < SOON
    assert peak < 8 * MAX_BYTES


def test_canonicalising_at_the_bounds_ends_soon(engine, foreign, stranger):
    """As many elements as may be, as many namespaces in scope, inclusive, referenced as often as may be."""
    scope = " ".join(f'xmlns:n{n}="u:{n}"' for n in range(28))
    payload = f'<ds:Object Id="o"><a {scope}>{"<b/>" * 19_900}</a></ds:Object>'
    more = "".join(stranger.reference("#o", digest=bytes(32)) for _ in range(7))
    text = stranger.draft(b"certificate", HASH, more_references=more, objects=payload)
    begun = time.monotonic()
    (verdict,) = engine.read(io.BytesIO(text.encode()), HASH)
    assert not verdict.crypto_valid
    assert time.monotonic() - begun < 2 * SOON


def test_many_references_and_many_signatures_are_refused(engine, foreign, stranger, ana):
    for more in (stranger.reference("#p") * 9, stranger.reference("other", digest=HASH) * 100):
        text = stranger.draft(ana.der, HASH, more_references=more)
        assert refused(engine, text.encode()) == "too many references"
    one = foreign(HASH).decode()
    assert refused(engine, f"<w>{one * 33}</w>".encode()) == "too many signatures"


def test_many_certificates_are_tried_a_few_times_only(engine, stranger, ana, authority, monkeypatch):
    """Verifying is the dear part, and anybody can list certificates."""
    tried = []
    real = values.holds
    monkeypatch.setattr("gateway.formats.xades.reading.holds", lambda *given: tried.append(1) or real(*given))
    others = [authority.signer_for(authority.key).der for _ in range(30)]
    text = stranger.draft(ana.der, HASH, names="", keys=stranger.key_info(*others, ana.der))
    (verdict,) = engine.read(io.BytesIO(stranger.seal(text, stranger.ecdsa(ana.key))), HASH)
    assert not verdict.crypto_valid
    assert 8 <= len(tried) <= 10


# ---------------------------------------------------------------- anything at all


def read_or_refuse(engine, data: bytes) -> None:
    try:
        verdicts = engine.read(io.BytesIO(data), HASH)
    except UnreadableSignature:
        return
    assert verdicts
    assert all(isinstance(verdict, IntegrityVerdict) for verdict in verdicts)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(engine, data):
    read_or_refuse(engine, data)


@pytest.fixture(scope="module")
def rich(foreign, stranger, ana, authority) -> bytes:
    """A signature with something of everything in it."""
    unsigned = stranger.time_stamp(b"token", None) + (
        f"<xades:CertificateValues><xades:EncapsulatedX509Certificate>{stranger.b64(authority.der)}"
        "</xades:EncapsulatedX509Certificate></xades:CertificateValues><xades:RevocationValues><xades:OCSPValues>"
        "<xades:EncapsulatedOCSPValue>AAAA</xades:EncapsulatedOCSPValue></xades:OCSPValues></xades:RevocationValues>"
    )
    return foreign(
        HASH,
        more_references=stranger.reference("#o") + stranger.reference("#xpointer(id('k'))"),
        objects='<ds:Object Id="o"><x xmlns="u:x" xml:lang="ro"/></ds:Object>',
        keys=stranger.key_info(ana.der, authority.der, key_info_id="k"),
        unsigned=unsigned,
    )


def test_the_rich_signature_holds(engine, rich):
    """So that what follows starts from something good."""
    (verdict,) = engine.read(io.BytesIO(rich), HASH)
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, True)


WORDS = [
    "",
    "#",
    "#p",
    "#s",
    "#o",
    "#xpointer(/)",
    "#xpointer(id('p'))",
    "p",
    "s",
    "é",
    "http://www.w3.org/2000/09/xmldsig#",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
    "http://www.w3.org/2006/12/xml-c14n11",
    "http://www.w3.org/2007/05/xmldsig-more#rsa-pss",
    "http://uri.etsi.org/01903#SignedProperties",
    "AAAA",
    "2026-01-02T03:04:05+14:00",
    "-1",
]


@settings(max_examples=700, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 6))
def test_any_rearrangement_is_read_or_refused(engine, rich, seed, steps):
    """Elements left out, doubled, moved, renamed; texts and attributes exchanged."""
    chance = random.Random(seed)
    root = etree.fromstring(rich)
    for _ in range(steps):
        elements = list(root.iter("*"))
        one, two = chance.choice(elements), chance.choice(elements)
        match chance.randrange(8):
            case 0 if one is not root:
                one.getparent().remove(one)
            case 1 if one is not root:
                one.getparent().insert(0, etree.fromstring(etree.tostring(two)))
            case 2 if one not in list(two.iter()):
                one.append(two)
            case 3:
                one.tag = two.tag
            case 4:
                one.text = chance.choice(WORDS)
            case 5 if one.attrib:
                one.set(chance.choice(list(one.attrib)), chance.choice(WORDS))
            case 6:
                one.set(chance.choice(["Id", "ID", "Target", "URI", "Type", "Algorithm"]), chance.choice(WORDS))
            case _:
                one.insert(0, chance.choice([etree.Comment("c"), etree.ProcessingInstruction("p", "i")]))
    read_or_refuse(engine, etree.tostring(root))


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_splice_of_bytes_is_read_or_refused(engine, rich, data):
    start = data.draw(st.integers(0, len(rich)))
    end = data.draw(st.integers(start, min(len(rich), start + 60)))
    filling = data.draw(
        st.binary(max_size=12) | st.sampled_from([b"<", b"&#0;", b"&a;", b"]]>", b"<![CDATA[", b"\xff"])
    )
    read_or_refuse(engine, rich[:start] + filling + rich[end:])


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_certificate_has_a_usable_key_or_none(ana, signers, data):
    """Hostile DER never raises, neither when read nor when used."""
    der = data.draw(st.sampled_from([ana.der, signers["rsa-2048"].der]))
    position = data.draw(st.integers(0, len(der) - 1))
    changed = der[:position] + data.draw(st.binary(max_size=3)) + der[position + data.draw(st.integers(0, 3)) :]
    key = public_key_of(changed)
    if key is not None:
        for scheme in ("pkcs1", "pss", "ecdsa", "ed25519", "ed448"):
            method = values.Method(scheme, "sha256", "sha256", 32)
            assert values.holds(method, key, b"octets", bytes(64)) in (False, None)
