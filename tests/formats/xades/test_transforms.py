"""What references are digested over, against signatures made by libxmlsec, which nobody here wrote."""

from __future__ import annotations

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.domain.verdicts import IntegrityFailure

DS = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_11 = "http://www.w3.org/2006/12/xml-c14n11"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
BASE64 = f"{DS}base64"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
ALL_C14N = [C14N, f"{C14N}#WithComments", C14N_11, f"{C14N_11}#WithComments", EXCLUSIVE, f"{EXCLUSIVE}WithComments"]


def xpath(expression: str) -> str:
    return f'<Transform Algorithm="{XPATH}"><XPath xmlns:ds="{DS}" xmlns:o="urn:o">{expression}</XPath></Transform>'


def filters(*steps: tuple[str, str]) -> str:
    inside = "".join(
        f'<f:XPath xmlns:f="{FILTER}" xmlns:ds="{DS}" xmlns:o="urn:o" Filter="{how}">{expression}</f:XPath>'
        for how, expression in steps
    )
    return f'<Transform Algorithm="{FILTER}">{inside}</Transform>'


def plain(*algorithms: str) -> str:
    return "".join(f'<Transform Algorithm="{algorithm}"/>' for algorithm in algorithms)


def template(uri: str, transforms: str, objects: str = "") -> str:
    """A plain XML signature without values, in the default namespace as many write it."""
    listed = f"<Transforms>{transforms}</Transforms>" if transforms else ""
    return (
        f'<Signature xmlns="{DS}"><SignedInfo><CanonicalizationMethod Algorithm="{C14N}"/>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
        f'<Reference URI="{uri}">{listed}<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        "<DigestValue/></Reference></SignedInfo><SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data>"
        f"</KeyInfo>{objects}</Signature>"
    )


DOCUMENT = (
    '<?before a?><!-- above --><o:order xmlns:o="urn:o" xmlns="urn:default" xmlns:far="urn:far" Id="root" xml:lang="ro">'
    '<o:item Id="one" xml:space="preserve"><name>b&amp;<!-- inside --></name><deep><deeper far:a="1">x</deeper></deep>'
    '</o:item><note Id="n" xmlns="">plain<?pi?></note>%s<!-- after --><last><name>y</name></last></o:order><?after?>'
)


@pytest.fixture(scope="module")
def signed_by_xmlsec(signers):
    """A document with a signature that libxmlsec filled in."""
    signer = signers["rsa-2048"]
    pem = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(document: str) -> bytes:
        root = etree.fromstring(document)
        xmlsec.tree.add_ids(root, ["Id"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.PEM)
        context.key.load_cert_from_memory(signer.der, xmlsec.KeyFormat.CERT_DER)
        context.sign(root if root.tag == f"{{{DS}}}Signature" else next(root.iter(f"{{{DS}}}Signature")))
        return etree.tostring(root.getroottree())

    return sign


def outcome(read_file, signed: bytes):
    (verdict,) = read_file(signed)
    return verdict.crypto_valid, verdict.failure


HOLDS = (True, None)
DIFFERS = (False, IntegrityFailure.DIGEST)

WITHOUT_SIGNATURES = [
    xpath("not(ancestor-or-self::ds:Signature)"),
    xpath(
        "count(ancestor-or-self::ds:Signature | here()/ancestor::ds:Signature[1]) > count(ancestor-or-self::ds:Signature)"
    ),
    filters(("subtract", "/descendant::ds:Signature")),
    filters(("subtract", "//ds:Signature")),
    filters(("subtract", "here()/ancestor::ds:Signature[1]")),
    filters(("union", "/"), ("subtract", "/*/ds:Signature")),
    plain(ENVELOPED),
]


@pytest.mark.parametrize("uri", ["", "#xpointer(/)", "#root", "#xpointer(id('root'))"])
@pytest.mark.parametrize("last", ["", *ALL_C14N])
@pytest.mark.parametrize("chain", WITHOUT_SIGNATURES, ids=range(len(WITHOUT_SIGNATURES)))
def test_an_enveloped_signature_covers_its_document(read_file, signed_by_xmlsec, uri, chain, last):
    """By whatever transform it leaves itself out; every byte of the text is covered."""
    signed = signed_by_xmlsec(DOCUMENT % template(uri, chain + (plain(last) if last else "")))
    assert outcome(read_file, signed) == HOLDS
    assert outcome(read_file, signed.replace(b">plain<", b">other<")) == DIFFERS
    assert outcome(read_file, signed.replace(b'far:a="1"', b'far:a="2"')) == DIFFERS


@pytest.mark.parametrize("last", ["", *ALL_C14N])
@pytest.mark.parametrize("uri", ["#one", "#xpointer(id('one'))", '#xpointer(id("one"))', "#n"])
def test_an_element_beside_the_signature_is_covered_alone(read_file, signed_by_xmlsec, uri, last):
    """With namespaces and xml: attributes in scope, and comments as the reference and the algorithm say."""
    uri = uri.replace('"', "&quot;")
    signed = signed_by_xmlsec(DOCUMENT % template(uri, plain(last) if last else ""))
    assert outcome(read_file, signed) == HOLDS
    assert outcome(read_file, signed.replace(b">y<", b">z<")) == HOLDS
    changed = signed.replace(b">x<", b">z<").replace(b">plain<", b">other<")
    assert outcome(read_file, changed) == DIFFERS


def test_prefixes_to_be_treated_inclusively(read_file, signed_by_xmlsec):
    listed = f'<Transform Algorithm="{EXCLUSIVE}"><e:InclusiveNamespaces xmlns:e="{EXCLUSIVE}" PrefixList="o far"/></Transform>'
    signed = signed_by_xmlsec(DOCUMENT % template("#n", listed))
    assert outcome(read_file, signed) == HOLDS
    assert outcome(read_file, signed.replace(b'xmlns:far="urn:far"', b'xmlns:far="urn:near"'))[0] is False


@pytest.mark.parametrize(
    ("chain", "covered", "free"),
    [
        (filters(("intersect", "//o:item")), b">x<", b">y<"),
        (filters(("subtract", "//o:item"), ("subtract", "//ds:Signature")), b">y<", b">x<"),
        (filters(("intersect", "//o:item | //*[local-name()='last']")), b">y<", b">plain<"),
        (xpath("ancestor-or-self::o:item"), b">x<", b">y<"),
        (xpath("not(ancestor-or-self::ds:Signature or ancestor-or-self::o:item)"), b">y<", b">x<"),
    ],
)
def test_what_is_signed_in_part_holds_and_says_that_more_is_there(read_file, signed_by_xmlsec, chain, covered, free):
    """What XPath leaves out may be changed by anybody, so that it is not clear what was meant to be signed."""
    signed = signed_by_xmlsec(DOCUMENT % template("", chain))
    (verdict,) = read_file(signed)
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, None)
    assert outcome(read_file, signed.replace(free, b">free<")) == HOLDS
    assert outcome(read_file, signed.replace(covered, b">changed<")) == DIFFERS


@pytest.mark.parametrize(
    "chain",
    [
        xpath("self::text()"),
        xpath("not(self::text())"),
        xpath("not(self::comment()) and not(self::text())"),
        xpath("false()"),
        xpath("position() = 1"),
        xpath("position() = position() or last() > 0"),
        xpath("1) or (1"),
        xpath("$x"),
        xpath("unknown()"),
        xpath("document('file:///etc/passwd')"),
        xpath("("),
        xpath(""),
        filters(("intersect", "//text()")),
        filters(("intersect", "//@*")),
        filters(("intersect", "1")),
        filters(("mirror", "//o:item")),
        filters(*[("subtract", "//ds:Signature")] * 17),
        filters(("subtract", "//o:item"), ("union", "//*[local-name()='deeper']")),
        plain("http://www.w3.org/TR/1999/REC-xslt-19991116"),
        plain("urn:mine"),
        plain(*[C14N] * 9),
        f'<Transform Algorithm="{XPATH}"/>',
        f'<Transform Algorithm="{FILTER}"/>',
    ],
)
def test_what_is_not_computed_never_holds(read_file, foreign, chain, stranger):
    """Parts of elements, programs, unknown things, nothing at all: undetermined, under a value that holds."""
    (verdict,) = read_file(foreign(b"", lambda text: DOCUMENT % text, content=referenced(stranger, "", chain)))
    assert (verdict.crypto_valid, verdict.structure_valid) == (False, None)
    assert verdict.failure is IntegrityFailure.FORMAT


def referenced(stranger, uri: str, chain: str, octets: bytes = b"") -> str:
    """A reference of an XAdES signature with any transforms, over *octets*."""
    digest = stranger.hashlib.sha256(octets).digest()
    plainly = stranger.reference(uri, digest=digest)
    return plainly.replace(
        "><ds:DigestMethod", f'><ds:Transforms xmlns="{DS}">{chain}</ds:Transforms><ds:DigestMethod', 1
    )


def test_only_what_leaves_out_nothing_but_signatures_is_clear(read_file, foreign, stranger):
    """The same element, signed by leaving the signature out, and by choosing it alone."""
    for chain, octets, clear in (
        (filters(("subtract", "//ds:Signature")), b"<w><v></v></w>", True),
        (xpath("not(ancestor-or-self::ds:Signature)"), b"<w><v></v></w>", True),
        (filters(("intersect", "/w/v")), b"<v></v>", None),
        (xpath("ancestor-or-self::v"), b"<v></v>", None),
    ):
        content = referenced(stranger, "", chain, octets)
        (verdict,) = read_file(foreign(b"", lambda text: f"<w><v/>{text}</w>", content=content))
        assert (verdict.crypto_valid, verdict.structure_valid) == (True, clear)


def test_base64_is_decoded_before_it_is_digested(read_file, signed_by_xmlsec):
    """An object's text in whatever lines; comments in it are no text."""
    for text in ("c2lnbmVk", "\n c2ln\n bmVk\t", "c2<!-- x -->lnbmVk", ""):
        made = template("#o", plain(BASE64), f'<Object Id="o">{text}</Object>')
        signed = signed_by_xmlsec(made)
        assert outcome(read_file, signed) == HOLDS
        if text:
            assert outcome(read_file, signed.replace(b"</Object>", b"eA==</Object>")) == DIFFERS


NAMES = st.sampled_from(["a", "o:b", "far:c"])
TEXTS = st.text(alphabet="x <&\n\r\té", max_size=4)


@st.composite
def elements(draw, depth=3) -> str:
    name, text = draw(NAMES), draw(TEXTS)
    declared = draw(
        st.sampled_from(["", ' xmlns="urn:x"', ' xmlns=""', ' xmlns:far="urn:n"', ' xml:lang="en"', ' o:q="&#9;v"'])
    )
    inner = "".join(draw(st.lists(elements(depth - 1), max_size=2))) if depth else ""
    extra = draw(st.sampled_from(["", "<!-- c -->", "<?i d?>", "<![CDATA[<]]>"]))
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")
    return f"<{name}{declared}>{escaped}{inner}{extra}</{name}>"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    inside=st.lists(elements(), max_size=3),
    algorithm=st.sampled_from(["", *ALL_C14N]),
    uri=st.sampled_from(["#t", "#xpointer(id('t'))", "", "#xpointer(/)", "#root"]),
    default=st.sampled_from(["", ' xmlns="urn:default"']),
)
def test_canonical_forms_are_those_of_libxmlsec(read_file, signed_by_xmlsec, inside, algorithm, uri, default):
    """Whatever is declared where: a default namespace from above above all."""
    chain = ("" if uri in ("#t", "#xpointer(id('t'))") else plain(ENVELOPED)) + (plain(algorithm) if algorithm else "")
    document = (
        f'<w Id="root" xmlns:o="urn:o" xmlns:far="urn:far"{default} xml:lang="ro"><m><t Id="t">{"".join(inside)}</t></m>'
        f"{template(uri, chain)}</w>"
    )
    assert outcome(read_file, signed_by_xmlsec(document)) == HOLDS
