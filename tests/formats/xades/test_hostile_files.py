"""Files that want to be fetched, to run, or to take for ever: refused or undetermined, within bounds."""

from __future__ import annotations

import hashlib
import io
import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.domain.verdicts import IntegrityFailure, IntegrityVerdict
from gateway.domain.verification import DetachedContent
from gateway.errors import UnreadableSignature
from gateway.formats.isolation import Isolation
from gateway.formats.xades.parsing import FILES
from gateway.formats.xades.reader import XadesReader

DS = "http://www.w3.org/2000/09/xmldsig#"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
XSLT = "http://www.w3.org/TR/1999/REC-xslt-19991116"
SOON = 20


def refused(read_file, data: bytes) -> str:
    with pytest.raises(UnreadableSignature) as refusal:
        read_file(data)
    return refusal.value.reason


# ---------------------------------------------------------------- reach


@pytest.fixture
def secret(tmp_path):
    """A file that a signature might want to have read."""
    path = tmp_path / "secret.txt"
    path.write_bytes(b"the secret of this machine")
    return path


@pytest.mark.parametrize("transforms", [(), ("http://www.w3.org/2001/10/xml-exc-c14n#",), (f"{DS}base64",)])
def test_references_out_of_the_document_are_never_followed(read_file, foreign, stranger, secret, transforms):
    """Even with the right digest of what lies there: a verifier that opened it would say that it holds."""
    digest = hashlib.sha256(secret.read_bytes()).digest()
    for uri in (f"file://{secret}", str(secret), f"file:{secret}", "http://127.0.0.1:9/x", "ftp://127.0.0.1:9/x"):
        signature = foreign(b"", content=stranger.reference(uri, digest=digest, transforms=transforms))
        (verdict,) = read_file(signature)
        assert (verdict.crypto_valid, verdict.failure) == (False, IntegrityFailure.CONTENT_MISSING)


def test_no_library_is_asked_to_open_anything(foreign, stranger, secret, monkeypatch):
    """What would leave the process is not reached: neither files nor sockets are opened while reading."""
    import socket

    signature = foreign(b"", content=stranger.reference(f"file://{secret}", digest=bytes(32)))
    reader = XadesReader()

    def forbidden(*_given, **_more):
        raise AssertionError("opened something")

    monkeypatch.setattr("builtins.open", forbidden)
    monkeypatch.setattr("io.open", forbidden)
    monkeypatch.setattr(socket, "socket", forbidden)
    assert not reader.read_file(io.BytesIO(signature), [])[0].crypto_valid


@pytest.mark.parametrize(
    "keys",
    [
        '<ds:KeyInfo><ds:RetrievalMethod URI="file://%s" Type="http://www.w3.org/2000/09/xmldsig#rawX509Certificate"/></ds:KeyInfo>',
        '<ds:KeyInfo><k:KeyInfoReference xmlns:k="http://www.w3.org/2009/xmldsig11#" URI="file://%s"/></ds:KeyInfo>',
    ],
)
def test_keys_are_never_retrieved(read_file, foreign, ana, tmp_path, keys):
    (tmp_path / "signer.der").write_bytes(ana.der)
    (verdict,) = read_file(foreign(b"", keys=keys % (tmp_path / "signer.der")), as_stated=True)
    assert (verdict.crypto_valid, verdict.certificate) == (False, None)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>',
        "<!DOCTYPE x [<!ATTLIST x Id ID #IMPLIED>]>",
    ],
)
def test_a_dtd_is_refused_before_anything_in_it_is_read(read_file, foreign, doctype):
    """External entities, billions of laughs, attributes that become Ids."""
    assert refused(read_file, doctype.encode() + foreign(b"")) == "a document type declaration"


STYLESHEET = (
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/">'
    "<xsl:copy-of select=\"document('%s')\"/></xsl:template></xsl:stylesheet>"
)


def test_a_stylesheet_is_never_run(read_file, foreign, stranger, secret):
    """Neither over the document nor over a content that was given."""
    transform = {"transforms": (XSLT,), "inside": STYLESHEET % secret}
    for content in (stranger.reference("", **transform), stranger.reference("a.xml", **transform)):
        (verdict,) = read_file(foreign(b"", content=content), {"a.xml": b"<a/>"})
        assert (verdict.crypto_valid, verdict.structure_valid) == (False, None)
        assert verdict.failure is IntegrityFailure.FORMAT


# ---------------------------------------------------------------- time


SLOW = "count(//*[count(//*[count(//*[count(//*) > 0]) > 0]) > 0]) > 0"


@pytest.mark.parametrize(
    ("algorithm", "tag"),
    [(XPATH, f'ds:XPath xmlns:ds="{DS}"'), (FILTER, f'f:XPath xmlns:f="{FILTER}" Filter="intersect"')],
)
def test_an_expression_that_never_ends_is_ended(foreign, stranger, algorithm, tag):
    """In a process of its own, which is killed; the rest of the file is judged, and the next file too."""
    reader = XadesReader(seconds=1.0)
    closing = tag.partition(" ")[0]
    expression = SLOW if algorithm == XPATH else f"//*[{SLOW}]"
    inside = f"<{tag}>{expression.replace('>', '&gt;')}</{closing}>"
    content = stranger.reference("", transforms=(algorithm,), inside=inside)
    signature = foreign(b"", lambda text: f"<w>{text}{'<x/>' * 3000}</w>", content=content)
    begun = time.monotonic()
    (verdict,) = reader.read_file(io.BytesIO(signature), [])
    assert time.monotonic() - begun < SOON
    assert (verdict.crypto_valid, verdict.structure_valid) == (False, None)
    good = stranger.reference(
        "",
        transforms=(FILTER,),
        inside=f'<f:XPath xmlns:f="{FILTER}" xmlns:ds="{DS}" Filter="subtract">//ds:Signature</f:XPath>',
    )
    octets = etree.tostring(etree.fromstring("<w></w>"), method="c14n")
    good = good.replace("<ds:DigestValue>", f"<ds:DigestValue>{stranger.b64(hashlib.sha256(octets).digest())}")
    (verdict,) = reader.read_file(io.BytesIO(foreign(b"", lambda text: f"<w>{text}</w>", content=good)), [])
    assert verdict.crypto_valid


def test_slow_expressions_over_contents_are_asked_once(foreign, stranger, monkeypatch):
    """One that ran out of time ends the questions for its file."""
    reader, asked = XadesReader(seconds=1.0), []
    run = Isolation.run
    monkeypatch.setattr(Isolation, "run", lambda *given: asked.append(1) or run(*given))
    inside = f'<f:XPath xmlns:f="{FILTER}" Filter="intersect">//*[{SLOW.replace(">", "&gt;")}]</f:XPath>'
    many = "".join(stranger.reference(f"a{n}", transforms=(FILTER,), inside=inside) for n in range(30))
    data = b"<w>" + b"<x/>" * 3000 + b"</w>"
    given = [DetachedContent(name=f"a{n}", open=lambda: io.BytesIO(data)) for n in range(30)]
    (verdict,) = reader.read_file(io.BytesIO(foreign(b"", content=many)), given)
    assert not verdict.crypto_valid
    assert len(asked) == 1


def test_quick_expressions_over_contents_are_asked_a_few_times(foreign, stranger, monkeypatch):
    """Each is bounded, and so is their number."""
    reader, asked = XadesReader(), []
    run = Isolation.run
    monkeypatch.setattr(Isolation, "run", lambda *given: asked.append(1) or run(*given))
    inside = f'<f:XPath xmlns:f="{FILTER}" Filter="intersect">//x</f:XPath>'
    digest = hashlib.sha256(b"<x></x>").digest()
    many = [stranger.reference(f"a{n}", transforms=(FILTER,), inside=inside, digest=digest) for n in range(20)]
    given = [DetachedContent(name=f"a{n}", open=lambda: io.BytesIO(b"<w><x/></w>")) for n in range(20)]
    (few,) = reader.read_file(io.BytesIO(foreign(b"", content="".join(many[:3]))), given)
    assert (few.crypto_valid, len(asked)) == (True, 3)
    (verdict,) = reader.read_file(io.BytesIO(foreign(b"", content="".join(many))), given)
    assert not verdict.crypto_valid
    assert len(asked) == 9


def test_a_large_document_referenced_often_is_refused_soon(read_file, foreign, stranger):
    """Canonicalising is bounded for the whole file."""
    more = "".join(stranger.reference("#o", transforms=(f"{DS}enveloped-signature",)) for _ in range(500))
    objects = f'<ds:Object Id="o">{"<a>text</a>" * 150_000}</ds:Object>'
    text = stranger.draft(b"certificate", b"", content=more, objects=objects)
    begun = time.monotonic()
    assert refused(read_file, text.encode()) == "more is referenced than is read"
    assert time.monotonic() - begun < 3 * SOON


FLOODS = {
    "depth": (lambda: b"<a>" * 100_000, "nested too deeply"),
    "elements": (lambda: b"<a>" + b"<b/>" * 400_000 + b"</a>", "too many elements"),
    "attributes": (lambda: b"<a " + b" ".join(b"a%d='1'" % n for n in range(1000)) + b"/>", "too many attributes"),
    "comments": (lambda: b"<a>" + b"<!---->" * 900_000 + b"</a>", "too many nodes"),
    "names": (lambda: b"<a>" + b"".join(b"<b%07d/>" % n for n in range(90_000)) + b"</a>", "too many names"),
    "namespaces": (
        lambda: b"<a " + b" ".join(b"xmlns:a%d='u:a'" % n for n in range(100)) + b"/>",
        "too many namespaces",
    ),
    "bytes": (lambda: b"<a>" + b"x" * FILES.size + b"</a>", f"larger than {FILES.size} bytes"),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_too_much_of_anything_is_refused(read_file, kind):
    make, reason = FLOODS[kind]
    assert refused(read_file, make()) == reason


def test_too_many_signatures_and_references_are_refused(read_file, foreign, stranger):
    one = foreign(b"", content=stranger.reference("a", digest=bytes(32))).decode()
    assert refused(read_file, f"<w>{one * 129}</w>".encode()) == "too many signatures"
    many = foreign(b"", content=stranger.reference("a", digest=bytes(32)) * 2049)
    assert [v.failure for v in read_file(many)] == [IntegrityFailure.FORMAT]


def test_a_text_of_ten_megabytes_is_read(read_file, foreign, stranger):
    """A document embedded in base64, say: libxml2 alone would stop at its own bound."""
    content = stranger.reference("#o", transforms=(stranger.EXCLUSIVE,))
    objects = f'<ds:Object Id="o">{"A" * 12_000_000}</ds:Object>'
    (verdict,) = read_file(_sealed_large(foreign, content, objects))
    assert verdict.crypto_valid in (True, False)
    assert verdict.covers == ("#o",)


def _sealed_large(foreign, content, objects) -> bytes:
    small = foreign(b"", content=content, objects='<ds:Object Id="o">x</ds:Object>').decode()
    return small.replace('<ds:Object Id="o">x</ds:Object>', objects).encode()


# ---------------------------------------------------------------- anything at all


def read_or_refuse(reader, data: bytes) -> None:
    try:
        verdicts = reader.read_file(io.BytesIO(data), [], as_stated=True)
    except UnreadableSignature:
        return
    assert all(isinstance(verdict, IntegrityVerdict) for verdict in verdicts)


@pytest.fixture(scope="module")
def rich(foreign, stranger, ana, authority) -> bytes:
    """A signature with something of everything in it but XPath, which has a process of its own."""
    stamps = "".join(
        f"<xades:{name}><xades:EncapsulatedTimeStamp>AAAA</xades:EncapsulatedTimeStamp></xades:{name}>"
        for name in ("SignatureTimeStamp", "SigAndRefsTimeStamp", "RefsOnlyTimeStamp")
    )
    archive = f'<a:ArchiveTimeStamp xmlns:a="{stranger.XADES_141}"><xades:EncapsulatedTimeStamp>AAAA</xades:EncapsulatedTimeStamp></a:ArchiveTimeStamp>'
    inner = stranger.draft(ana.der, b"").replace('Id="', 'Id="c').replace('"#', '"#c')
    listed = (
        f'<ds:Object><ds:Manifest Id="m">{stranger.reference("#o")}{stranger.reference("x")}</ds:Manifest></ds:Object>'
    )
    return foreign(
        b"",
        content=stranger.reference("", transforms=(f"{DS}enveloped-signature",))
        + stranger.reference("#m", kind=f"{DS}Manifest"),
        more_references=stranger.reference("#o") + stranger.reference("#xpointer(id('k'))"),
        objects='<ds:Object Id="o"><x xmlns="u:x" xml:lang="ro"/></ds:Object>' + listed,
        keys=stranger.key_info(ana.der, authority.der, key_info_id="k"),
        signed="<xades:SignedDataObjectProperties><xades:AllDataObjectsTimeStamp><xades:EncapsulatedTimeStamp>AAAA"
        "</xades:EncapsulatedTimeStamp></xades:AllDataObjectsTimeStamp></xades:SignedDataObjectProperties>",
        unsigned=f"{stamps}<xades:CounterSignature>{inner}</xades:CounterSignature>{archive}",
    )


WORDS = [
    "",
    "#",
    "#p",
    "#s",
    "#o",
    "#m",
    "#v",
    "#xpointer(/)",
    "#xpointer(id('p'))",
    "x",
    "é",
    f"{DS}base64",
    f"{DS}Manifest",
    "http://uri.etsi.org/01903#SignedProperties",
    "AAAA",
]


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 6))
def test_any_rearrangement_is_read_or_refused(reader, rich, seed, steps):
    """Elements left out, doubled, moved, renamed; texts and attributes exchanged."""
    chance = random.Random(seed)
    root = etree.fromstring(b"<w>" + rich + b"<y Id='y'/></w>")
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
    read_or_refuse(reader, etree.tostring(root))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_splice_of_bytes_is_read_or_refused(reader, rich, data):
    start = data.draw(st.integers(0, len(rich)))
    end = data.draw(st.integers(start, min(len(rich), start + 60)))
    filling = data.draw(
        st.binary(max_size=12) | st.sampled_from([b"<", b"&#0;", b"&a;", b"]]>", b"<![CDATA[", b"\xff"])
    )
    read_or_refuse(reader, rich[:start] + filling + rich[end:])
