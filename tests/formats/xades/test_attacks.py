"""Signature wrapping, one trick at a time: what is verified must be what is read."""

from __future__ import annotations

import hashlib
import io
from base64 import b64decode

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.domain.contents import ContentDigest
from gateway.domain.verdicts import IntegrityFailure
from gateway.errors import UnreadableSignature

HASH = hashlib.sha256(b"what was signed").digest()
EVIL = hashlib.sha256(b"what was not").digest()
CONTENT = ContentDigest.of(HASH)


@pytest.fixture(scope="module")
def good(foreign) -> str:
    """A signature that holds, as text to be rearranged."""
    return foreign(HASH).decode()


def part(text: str, tag: str) -> str:
    start = text.index(f"<{tag}")
    return text[start : text.index(f"</{tag}>", start) + len(tag) + 3]


def properties(text: str, *, time="2001-01-01T00:00:00Z", name="p") -> str:
    """Another SignedProperties than the one that was signed."""
    own = part(text, "xades:SignedProperties")
    return own.replace("2026-01-02T03:04:05Z", time).replace('Id="p"', f'Id="{name}"')


def assert_ambiguous(engine, text: str) -> None:
    verdicts = engine.read(io.BytesIO(text.encode()), HASH)
    assert [(v.structure_valid, v.failure) for v in verdicts] == [(False, IntegrityFailure.AMBIGUOUS)]


def test_the_signature_to_be_attacked_holds(good, read):
    verdict = read(good.encode(), HASH)
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.failure) == (True, True, None)


def test_signed_properties_moved_out_and_others_put_in_their_place(engine, good):
    """The signed ones still verify; another signing time would be read."""
    own = part(good, "xades:SignedProperties")
    moved = good.replace(own, properties(good, name="q"))
    namespaces = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#" xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"'
    assert_ambiguous(engine, f"<w {namespaces}>{own}{moved}</w>")
    assert_ambiguous(engine, moved.replace("</ds:Signature>", f"<ds:Object>{_scoped(own)}</ds:Object></ds:Signature>"))


def _scoped(element: str) -> str:
    """*element* with its own namespaces, so that it can stand anywhere."""
    return element.replace(
        "<xades:SignedProperties", '<xades:SignedProperties xmlns:xades="http://uri.etsi.org/01903/v1.3.2#"', 1
    )


@pytest.mark.parametrize("first", [True, False])
def test_a_second_signed_properties_with_the_same_id(engine, good, first):
    """Whichever a verifier finds first, the other may be read."""
    own, other = part(good, "xades:SignedProperties"), properties(good)
    assert_ambiguous(engine, good.replace(own, other + own if first else own + other))


def test_a_second_signed_properties_with_another_id(engine, good):
    own = part(good, "xades:SignedProperties")
    assert_ambiguous(engine, good.replace(own, own + properties(good, name="q")))


def test_another_signed_properties_outside_the_qualifying_properties(engine, good):
    """The right one is in its place; a careless search may find the other."""
    other = _scoped(properties(good, name="q"))
    assert_ambiguous(engine, good.replace("<ds:Object>", f"<ds:Object>{other}</ds:Object><ds:Object>", 1))


def test_other_qualifying_properties_deep_in_an_object(engine, good):
    """With a time-stamp, say, that belongs to another signature."""
    other = '<x><q:QualifyingProperties xmlns:q="http://uri.etsi.org/01903/v1.3.2#" Target="#s"/></x>'
    assert_ambiguous(engine, good.replace("<ds:Object>", f"<ds:Object>{other}</ds:Object><ds:Object>", 1))


@pytest.mark.parametrize("first", [True, False])
def test_a_second_set_of_qualifying_properties(engine, good, first):
    """In an object of its own, before or after the right one."""
    own = part(good, "ds:Object")
    other = own.replace(part(good, "xades:SignedProperties"), properties(good, name="q"))
    assert_ambiguous(engine, good.replace(own, other + own if first else own + other))


def test_a_copy_hidden_among_the_unsigned_properties(engine, good):
    """There it would have the Id that the reference names."""
    own = part(good, "xades:SignedProperties")
    hidden = f"<xades:UnsignedProperties><hide xmlns=''>{own}</hide></xades:UnsignedProperties>"
    assert_ambiguous(engine, good.replace(own, properties(good) + hidden))
    assert_ambiguous(engine, good.replace(own, properties(good, name="q") + hidden))


@pytest.mark.parametrize("elsewhere", ['<x Id="p"/>', '<x ID="p"/>', '<x id="p"/>', '<x xml:id="p"/>'])
def test_an_id_that_matters_twice_in_the_document(engine, good, elsewhere):
    """Under any of the names that parsers take for an Id."""
    assert_ambiguous(engine, f"<w>{elsewhere}{good}</w>")


@pytest.mark.parametrize("name", ["s", "r", "v"])
def test_own_ids_repeated_elsewhere(engine, good, name):
    """The signature's, its reference's, its value's."""
    assert_ambiguous(engine, f'<w>{good}<x Id="{name}"/></w>')


def test_ids_that_nothing_signed_points_to_may_repeat(read, good, foreign, stranger):
    """Among unsigned properties alone they deceive nobody."""
    stamp = stranger.time_stamp(b"t").replace("<xades:EncapsulatedTimeStamp", '<xades:EncapsulatedTimeStamp Id="t"')
    verdict = read(foreign(HASH, unsigned=stamp * 2), HASH)
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, True)


@pytest.mark.parametrize("target", ["#other", "", "s", "#S"])
def test_a_target_that_is_another_signature(engine, foreign, target):
    """EN 319 132-1 § 4.3: QualifyingProperties name the signature they qualify."""
    assert_ambiguous(engine, foreign(HASH, target=target).decode())


def test_no_target_at_all(engine, good):
    assert_ambiguous(engine, good.replace(' Target="#s"', ""))


def test_a_signature_without_an_id_cannot_be_the_target(engine, good):
    assert_ambiguous(engine, good.replace('Id="s"', 'Name="s"'))
    assert_ambiguous(engine, good.replace('Id="s"', "").replace('Target="#s"', 'Target="#None"'))


def test_signed_properties_referenced_without_their_type(engine, foreign, stranger):
    for kind in (None, "", "http://uri.etsi.org/01903#Else", "urn:x"):
        assert_ambiguous(engine, foreign(HASH, properties=stranger.properties_reference(kind=kind)).decode())


def test_signed_properties_referenced_twice(engine, foreign, stranger):
    """Once as what they are and once as something else, or twice as what they are."""
    for kind in (stranger.SIGNED_PROPERTIES, None):
        more = stranger.properties_reference(kind=kind)
        assert_ambiguous(engine, foreign(HASH, more_references=more).decode())


def test_signed_properties_that_nobody_references(engine, foreign):
    """They are there to be read, and not signed."""
    assert_ambiguous(engine, foreign(HASH, properties="").decode())


def test_the_type_of_signed_properties_on_something_else(engine, foreign, stranger):
    """An object said to be the properties; the right ones are not signed."""
    fake = stranger.reference("#o", kind=stranger.SIGNED_PROPERTIES, transforms=(stranger.EXCLUSIVE,))
    assert_ambiguous(engine, foreign(HASH, properties=fake, objects='<ds:Object Id="o">x</ds:Object>').decode())


def test_the_content_said_to_be_signed_properties(engine, foreign, stranger):
    """An external reference with XAdES's Type."""
    content = stranger.reference("content", digest=HASH, kind=stranger.SIGNED_PROPERTIES)
    assert_ambiguous(engine, foreign(HASH, content=content).decode())


def test_a_manifest_that_is_none(engine, foreign, stranger):
    """The Type says manifest, the target is an object with whatever text."""
    more = stranger.reference("#o", kind="http://www.w3.org/2000/09/xmldsig#Manifest")
    assert_ambiguous(engine, foreign(HASH, more_references=more, objects='<ds:Object Id="o">x</ds:Object>').decode())


def test_a_manifest_vouches_for_the_hash_that_it_lists_and_no_other(foreign, read, stranger):
    """Its references are compared as well, which core validation leaves to the application."""
    listed = stranger.reference("content", digest=HASH)
    manifest = f'<ds:Object><ds:Manifest Id="m">{listed}</ds:Manifest></ds:Object>'
    content = stranger.reference("#m", kind="http://www.w3.org/2000/09/xmldsig#Manifest")
    signature = foreign(HASH, content=content, objects=manifest)
    assert (read(signature, HASH).crypto_valid, read(signature, HASH).structure_valid) == (True, True)
    other = read(signature, EVIL)
    assert (other.crypto_valid, other.failure) == (False, IntegrityFailure.OTHER_CONTENT)
    changed = read(signature.replace(stranger.b64(HASH).encode(), stranger.b64(EVIL).encode(), 1), EVIL)
    assert (changed.crypto_valid, changed.failure) == (False, IntegrityFailure.DIGEST)


def test_an_object_moved_out_and_another_put_in_its_place(engine, foreign, stranger):
    """The reference still finds the signed one, outside."""
    own = '<ds:Object Id="o">signed</ds:Object>'
    text = foreign(
        HASH, more_references=stranger.reference("#o", transforms=(stranger.EXCLUSIVE,)), objects=own
    ).decode()
    moved = text.replace(own, '<ds:Object Id="fake">shown</ds:Object>')
    scoped = own.replace("<ds:Object", '<ds:Object xmlns:ds="http://www.w3.org/2000/09/xmldsig#"')
    assert_ambiguous(engine, f"<w>{scoped}{moved}</w>")


def test_a_reference_into_the_qualifying_properties(engine, foreign, stranger):
    """Or to the object around them: both hold what anybody may add to."""
    for name in ("q", "o"):
        more = stranger.reference(f"#{name}", transforms=(stranger.EXCLUSIVE,))

        def marked(text: str) -> str:
            text = text.replace("<ds:Object><xades", '<ds:Object Id="o"><xades')
            return text.replace("<xades:QualifyingProperties", '<xades:QualifyingProperties Id="q"')

        assert_ambiguous(engine, foreign(HASH, marked, more_references=more).decode())


def test_a_reference_to_the_signature_itself(engine, foreign, stranger):
    """To its value, which is no content."""
    assert_ambiguous(engine, foreign(HASH, more_references=stranger.reference("#v")).decode())


def test_a_signature_hidden_in_a_signatures_object(engine, good, foreign):
    """The right one inside, another around it."""
    around = foreign(EVIL, objects="<ds:Object>here</ds:Object>").decode()
    inner = good.replace('Id="', 'Id="i').replace('"#', '"#i')
    assert_ambiguous(engine, around.replace(">here<", f">{inner}<"))


def test_a_counter_signature_out_of_place(engine, good):
    """Among the signed properties it would be nobody's to check."""
    misplaced = part(good, "xades:SignedProperties").replace(
        "</xades:SignedProperties>", "<ds:Signature/></xades:SignedProperties>"
    )
    assert_ambiguous(engine, good.replace(part(good, "xades:SignedProperties"), misplaced))


@pytest.mark.parametrize("tag", ["ds:SignedInfo", "ds:SignatureValue", "ds:KeyInfo"])
def test_a_part_that_is_there_twice(engine, good, tag):
    """Never is the one read and the other verified."""
    own = part(good, tag)
    try:
        verdicts = engine.read(io.BytesIO(good.replace(own, own + own).encode()), HASH)
    except UnreadableSignature:
        return
    assert [v.structure_valid for v in verdicts] == [False]


def test_elements_of_others_between_the_parts(engine, good):
    assert_ambiguous(engine, good.replace("<ds:KeyInfo>", "<x/><ds:KeyInfo>"))


def test_another_digest_in_signed_info(read, good, stranger):
    """The attacker's content: the reference holds, the value does not."""
    verdict = read(good.replace(stranger.b64(HASH), stranger.b64(EVIL), 1).encode(), EVIL)
    assert (verdict.crypto_valid, verdict.failure) == (False, IntegrityFailure.VALUE)


def test_a_comment_cannot_cut_a_text(engine, good, stranger):
    """Canonical XML drops it, a careless reader stops there: digests, values and certificates are not read at all."""
    for text in (stranger.b64(HASH), good[good.index('Id="v">') + 7 :][:40]):
        with pytest.raises(UnreadableSignature):
            engine.read(io.BytesIO(good.replace(text, text[:8] + "<!-- -->" + text[8:], 1).encode()), HASH)
    certificate = part(good, "ds:X509Certificate")
    cut = certificate.replace("MII", "MI<!-- -->I", 1)
    (verdict,) = engine.read(io.BytesIO(good.replace(certificate, cut).encode()), HASH)
    assert (verdict.crypto_valid, verdict.certificate) == (False, None)


def test_base64_has_one_spelling(read, good):
    """Bits that decoding throws away cannot be used to write the same value differently."""
    value = etree.fromstring(good).findtext("{*}SignatureValue")
    assert value.endswith("==")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    twin = value[:-3] + letters[letters.index(value[-3]) + 1] + "=="
    assert b64decode(twin) == b64decode(value)
    with pytest.raises(UnreadableSignature):
        read(good.replace(value, twin).encode(), HASH)


def test_properties_elsewhere_do_not_soften_what_is_ambiguous(engine, good):
    """QualifyingPropertiesReference alone would be undetermined; here it hides a wrong Target."""
    spoiled = good.replace('Target="#s"', 'Target="#t"').replace(
        "</ds:Signature>",
        '<ds:Object><x:QualifyingPropertiesReference xmlns:x="http://uri.etsi.org/01903/v1.3.2#" URI="http://a.test/"/>'
        "</ds:Object></ds:Signature>",
    )
    assert_ambiguous(engine, spoiled)


# ---------------------------------------------------------------- every changed byte


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_no_changed_byte_goes_unnoticed(engine, ana, data):
    """
    Change any byte of a signature of ours at level T into any other: it cannot be read, or it does not hold, or what
    is reported has changed with it (a certificate of the chain, the token, the octets that the token must cover).

    Left out are changes that are none: two spellings of the same canonical document.
    """
    original = _original(engine, ana)
    position = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != original[position]))
    assume(_canonical(bytes(changed)) != _canonical(original))
    _assert_noticed(engine, original, bytes(changed), position)


def test_no_changed_bit_of_what_is_signed_holds(engine, ana):
    """One bit of every byte of SignedInfo, SignedProperties and the value: it never holds again."""
    original = _original(engine, ana)
    text = original.decode()
    value = text.index(">", text.index("<ds:SignatureValue")) + 1
    regions = [range(value, text.index("<", value))]
    for tag in ("ds:SignedInfo", "xades:SignedProperties"):
        start = text.index(f"<{tag}")
        regions.append(range(start, start + len(part(text, tag))))
    for position in (position for region in regions for position in region):
        changed = bytearray(original)
        changed[position] ^= 1
        if _canonical(bytes(changed)) == _canonical(original):
            continue
        try:
            verdicts = engine.read(io.BytesIO(bytes(changed)), HASH)
        except UnreadableSignature:
            continue
        assert not any(v.crypto_valid and v.structure_valid for v in verdicts), position


_ORIGINALS: dict[bytes, bytes] = {}


def _original(engine, ana) -> bytes:
    return _ORIGINALS.setdefault(ana.der, ana.sign(engine, CONTENT, token=b"a time-stamp token"))


def _assert_noticed(engine, original: bytes, changed: bytes, position: int) -> None:
    try:
        verdicts = engine.read(io.BytesIO(changed), HASH)
    except UnreadableSignature:
        return
    holding = [v for v in verdicts if v.crypto_valid and v.structure_valid]
    (before,) = engine.read(io.BytesIO(original), HASH)
    for verdict in holding:
        assert verdict != before, (position, original[position - 20 : position + 20])
        same_signer = verdict.certificate == before.certificate and verdict.certificate_reference_matches
        assert same_signer or verdict.certificate_reference_matches is False


def _canonical(data: bytes) -> bytes | None:
    try:
        return etree.tostring(etree.fromstring(data), method="c14n", exclusive=True, with_comments=True)
    except (etree.LxmlError, ValueError):
        return None
