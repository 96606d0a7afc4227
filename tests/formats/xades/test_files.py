"""Files that others made, in every form: where the signature stands, what it names, who signed it."""

from __future__ import annotations

import hashlib
import hmac
import io
import random
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml import methods
from signxml.exceptions import SignXMLException
from signxml.xades import XAdESSigner, XAdESVerifier

from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, TimeStampKind
from gateway.domain.verification import DetachedContent
from gateway.errors import UnreadableSignature

CONTENT, OTHER = b"what was signed", b"what was not"
DS = "http://www.w3.org/2000/09/xmldsig#"
MANIFEST = f"{DS}Manifest"
COUNTERSIGNED = "http://uri.etsi.org/01903#CountersignedSignature"


def sha(data: bytes, name="sha256") -> bytes:
    return hashlib.new(name, data).digest()


def states(verdicts):
    return [(v.crypto_valid, v.structure_valid, v.failure) for v in verdicts]


HOLDS = (True, True, None)
MISSING = (False, True, IntegrityFailure.CONTENT_MISSING)
OTHERS = (False, True, IntegrityFailure.OTHER_CONTENT)


@pytest.fixture(scope="module")
def detached(foreign, stranger):
    """A signature over contents by name: (URI, data) each."""

    def make(*contents, method="sha256", **more) -> bytes:
        listed = "".join(
            stranger.reference(uri, digest=sha(data, method), method=method, ref_id=f"r{n}")
            for n, (uri, data) in enumerate(contents)
        )
        return foreign(b"", content=listed, **more)

    return make


# ---------------------------------------------------------------- what lies outside


def test_contents_are_found_by_name(read_file, detached):
    """Each of several, in any order; one that is missing or another is told."""
    signature = detached(("a.txt", CONTENT), ("dir/b.txt", OTHER))
    (verdict,) = read_file(signature, {"dir/b.txt": OTHER, "a.txt": CONTENT, "c": b"c"})
    assert states([verdict]) == [HOLDS]
    assert verdict.covers == ("a.txt", "dir/b.txt")
    assert states(read_file(signature, {"a.txt": CONTENT, "b.txt": OTHER}))[0][0] is False
    assert states(read_file(signature, {"a.txt": OTHER, "dir/b.txt": CONTENT})) == [OTHERS]
    missing = read_file(signature, {"a.txt": CONTENT})
    assert (missing[0].crypto_valid, missing[0].failure) == (False, IntegrityFailure.CONTENT_MISSING)


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("%C5%A0u%C5%BElikud%20s%C3%B5id.txt", "Šužlikud sõid.txt"),
        ("a+b.txt", "a+b.txt"),
        ("a%2Bb.txt", "a+b.txt"),
        ("a+b.txt", "a b.txt"),
        ("./a.txt", "a.txt"),
        ("/a.txt", "a.txt"),
        ("100%", "100%"),
    ],
)
def test_names_may_be_percent_encoded(read_file, detached, uri, name):
    signature = detached((uri, CONTENT), ("x", OTHER))
    assert states(read_file(signature, {name: CONTENT, "x": OTHER})) == [HOLDS]


def test_a_single_content_is_what_the_only_reference_means(read_file, detached):
    """Whatever its name; its digest, given under another name, is not."""
    for uri in ("other-name.txt", None):
        signature = detached((uri, CONTENT))
        assert states(read_file(signature, {"mine.txt": CONTENT})) == [HOLDS]
        assert states(read_file(signature, {None: CONTENT})) == [HOLDS]
        assert states(read_file(signature, {"mine.txt": OTHER})) == [OTHERS]


@pytest.mark.parametrize(("given", "known"), [("sha256", True), ("SHA-256", True), ("sha512", False), (None, False)])
def test_a_digest_stands_for_a_content(reader, detached, given, known):
    """By name and algorithm, as they are given."""
    signature = io.BytesIO(detached(("a.txt", CONTENT)))
    content = DetachedContent(name="a.txt", digest_algorithm=given, digest=sha(CONTENT))
    assert states(reader.read_file(signature, [content])) == [HOLDS if known else OTHERS]
    misnamed = DetachedContent(name="b.txt", digest_algorithm=given, digest=sha(CONTENT))
    signature.seek(0)
    verdict = reader.read_file(signature, [misnamed])[0]
    assert (verdict.crypto_valid, verdict.failure) == (False, IntegrityFailure.CONTENT_MISSING)


@pytest.mark.parametrize("name", ["sha3-256", "SHA3-256", "sha3_256"])
def test_sha3_may_be_spelt_as_anybody_does(reader, detached, name):
    signature = io.BytesIO(detached(("a.txt", CONTENT), method="sha3_256"))
    content = DetachedContent(name="a.txt", digest_algorithm=name, digest=sha(CONTENT, "sha3_256"))
    assert states(reader.read_file(signature, [content])) == [HOLDS]


def test_as_stated_takes_for_granted_what_was_not_given_and_nothing_else(read_file, detached):
    signature = detached(("a.txt", CONTENT), ("b.txt", OTHER))
    assert states(read_file(signature, as_stated=True)) == [HOLDS]
    assert states(read_file(signature, {"a.txt": OTHER}, as_stated=True)) == [OTHERS]
    spoiled = signature.replace(b"2026-01-02", b"2026-01-03")
    assert states(read_file(spoiled, as_stated=True))[0][2] is IntegrityFailure.DIGEST


def test_a_content_is_transformed_as_the_reference_says(read_file, detached, foreign, stranger):
    document = b"<a  b='1'><!-- c --><?p?></a >"
    canonical = etree.tostring(etree.fromstring(document), method="c14n", exclusive=True, with_comments=False)
    content = stranger.reference("a.xml", digest=sha(canonical), transforms=(stranger.EXCLUSIVE,))
    signature = foreign(b"", content=content)
    assert states(read_file(signature, {"a.xml": document})) == [HOLDS]
    assert states(read_file(signature, {"a.xml": document.replace(b"1", b"2")})) == [OTHERS]
    assert states(read_file(signature, {"a.xml": b"no xml"})) == [OTHERS]


def test_a_signature_of_nothing_but_its_own_properties_covers_no_data(read_file, foreign):
    """Somebody took the reference to the content away; here even the value is made to fit."""
    (verdict,) = read_file(foreign(b"", content=""))
    assert (verdict.crypto_valid, verdict.failure, verdict.covers) == (False, IntegrityFailure.CONTENT_MISSING, ())


# ---------------------------------------------------------------- where it stands


def enveloping(stranger, text="signed", **more):
    reference = stranger.reference("#o", transforms=(stranger.EXCLUSIVE,), **more)
    return {"content": reference, "objects": f'<ds:Object Id="o">{text}</ds:Object>'}


def test_an_enveloping_signature_holds_in_itself(read_file, foreign, stranger):
    signature = foreign(b"", **enveloping(stranger, kind=f"{DS}Object"))
    (verdict,) = read_file(signature)
    assert states([verdict]) == [HOLDS]
    assert verdict.covers == ("#o",)
    assert states(read_file(signature.replace(b">signed<", b">other<")))[0][2] is IntegrityFailure.DIGEST


def test_every_signature_of_a_document_has_its_verdict_in_order(read_file, foreign, stranger):
    """Those that hold and one that does not; each on its own."""
    good = foreign(b"", **enveloping(stranger)).decode()
    second = good.replace('Id="', 'Id="z').replace('"#', '"#z').replace(">signed<", ">other<")
    parts = states(read_file(f"<w><v>{good}</v>{second}</w>".encode()))
    assert parts[0] == HOLDS
    assert parts[1][0] is False


def test_what_looks_like_a_signature_and_is_none_does_not_hide_the_others(read_file, foreign, stranger):
    good = foreign(b"", **enveloping(stranger)).decode()
    stub = f'<ds:Signature xmlns:ds="{DS}"/>'
    verdicts = read_file(f"<w>{stub}{good}</w>".encode())
    assert states(verdicts) == [(False, None, IntegrityFailure.FORMAT), HOLDS]


def test_a_document_without_signatures_has_no_verdicts(read_file):
    assert read_file(b"<a/>") == []


def test_a_signed_document_may_be_enveloped_again(read_file, stranger, ana):
    """A signature in an object that another signs as a whole: both are read."""
    text = stranger.draft(ana.der, b"", **enveloping(stranger)).replace('Id="', 'Id="i').replace('"#', '"#i')
    inner = stranger.seal(text, stranger.ecdsa(ana.key)).decode()
    root = etree.fromstring(stranger.draft(ana.der, b"", **enveloping(stranger, text=inner)))
    seal_one(stranger, ana, root, root)
    signature = etree.tostring(root)
    assert states(read_file(signature)) == [HOLDS, HOLDS]
    changed = states(read_file(signature.replace(b">signed<", b">other<")))
    assert [verdict[0] for verdict in changed] == [False, False]


@pytest.mark.parametrize("namespace", ["1.1.1", "1.2.2", "1.3.2"])
def test_old_namespaces_are_read(read_file, foreign, stranger, namespace):
    xades = f"http://uri.etsi.org/01903/v{namespace}#"
    kind = stranger.SIGNED_PROPERTIES if namespace == "1.3.2" else f"{xades}SignedProperties"
    properties = stranger.properties_reference(kind=kind)
    signature = foreign(b"", xades=xades, properties=properties, version="", **enveloping(stranger))
    assert states(read_file(signature)) == [HOLDS]


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "iso-8859-2", "windows-1250"])
def test_other_encodings_are_read(read_file, foreign, stranger, encoding):
    """Canonical XML is UTF-8 whatever the document is written in."""
    root = etree.fromstring(foreign(b"", **enveloping(stranger, text="é")))
    written = f"<?xml version='1.0' encoding='{encoding}'?>" + etree.tostring(root, encoding="unicode")
    data = written.encode("cp1250" if encoding == "windows-1250" else encoding)
    assert states(read_file(data)) == [HOLDS]


def test_an_encoding_that_is_not_what_it_says_is_refused(read_file):
    with pytest.raises(UnreadableSignature):
        read_file(b"<?xml version='1.0' encoding='windows-1252'?><a>\x81</a>")


# ---------------------------------------------------------------- manifests


def manifest(stranger, *references, name="m") -> str:
    return f'<ds:Object><ds:Manifest Id="{name}">{"".join(references)}</ds:Manifest></ds:Object>'


def test_what_a_manifest_lists_is_compared(read_file, foreign, stranger):
    """Inside and outside; what was not given leaves it undetermined, what differs does not hold."""
    listed = manifest(
        stranger, stranger.reference("a.txt", digest=sha(CONTENT)), stranger.reference("b.txt", digest=sha(OTHER))
    )
    signature = foreign(b"", content=stranger.reference("#m", kind=MANIFEST), objects=listed)
    assert states(read_file(signature, {"a.txt": CONTENT, "b.txt": OTHER})) == [HOLDS]
    assert states(read_file(signature, {"a.txt": CONTENT, "b.txt": CONTENT})) == [OTHERS]
    assert states(read_file(signature, {"a.txt": CONTENT})) == [(True, None, None)]
    assert states(read_file(signature)) == [(True, None, None)]


def test_a_manifest_is_none_by_its_type_alone(read_file, foreign, stranger):
    """It stands in an object of this signature and is one: not beside it, not something else of that name."""
    named = stranger.reference("#m", kind=MANIFEST)
    beside = foreign(b"", lambda text: f'<w xmlns:ds="{DS}"><ds:Manifest Id="m"/>{text}</w>', content=named)
    fake = foreign(b"", content=named, objects='<ds:Object><x:Manifest xmlns:x="urn:x" Id="m"/></ds:Object>')
    plain = foreign(b"", content=named, objects='<ds:Object Id="m">text</ds:Object>')
    for signature in (beside, fake, plain):
        assert states(read_file(signature)) == [(True, False, IntegrityFailure.AMBIGUOUS)]


def test_an_object_is_none_by_its_type_alone(read_file, foreign, stranger):
    """Said to be an object, it must be one of this signature."""
    named = stranger.reference("#o", kind=f"{DS}Object", transforms=(stranger.EXCLUSIVE,))
    beside = foreign(b"", lambda text: f'<w><x Id="o">text</x>{text}</w>', content=named)
    fake = foreign(b"", content=named, objects='<ds:Object><x Id="o">text</x></ds:Object>')
    for signature in (beside, fake):
        assert states(read_file(signature)) == [(True, False, IntegrityFailure.AMBIGUOUS)]


def test_an_id_twice_is_ambiguous_for_what_a_manifest_lists_too(read_file, foreign, stranger):
    listed = manifest(stranger, stranger.reference("#o"))
    extra = '<ds:Object Id="o">one</ds:Object><ds:Object><x Id="o">two</x></ds:Object>'
    named = stranger.reference("#m", kind=MANIFEST)
    signature = foreign(b"", content=named, objects=listed + extra)
    assert states(read_file(signature))[0][1] is False
    around = '<w><x Id="o">one</x>%s<x Id="o">two</x></w>'
    assert states(read_file(foreign(b"", lambda text: around % text, content=named, objects=listed)))[0][1] is False


# ---------------------------------------------------------------- counter-signatures


def counter(stranger, ana, target="#v", kind=COUNTERSIGNED, objects="") -> str:
    """The text of a counter-signature with Ids of its own."""
    content = stranger.reference("TARGET", kind=kind, transforms=(stranger.EXCLUSIVE,))
    text = stranger.draft(ana.der, b"", content=content, objects=objects)
    return text.replace('Id="', 'Id="c').replace('"#', '"#c').replace("TARGET", target)


def with_counter(foreign, stranger, inner: str) -> bytes:
    unsigned = f"<xades:CounterSignature>{inner}</xades:CounterSignature>"
    return foreign(b"", unsigned=unsigned, **enveloping(stranger))


def resealed(stranger, ana, made: bytes) -> bytes:
    """Digests and value of the counter-signature, once the outer value is there."""
    root = etree.fromstring(made)
    seal_one(stranger, ana, root, next(root.iter("{*}CounterSignature"))[0])
    return etree.tostring(root)


def seal_one(stranger, ana, root, signature) -> None:
    """Digests and value of one signature among several."""
    for item in signature.findall("ds:SignedInfo/ds:Reference", stranger.NAMES):
        (found,) = root.xpath("//*[@Id=$name]", name=item.get("URI")[1:])
        octets = stranger.canonical(found, stranger.EXCLUSIVE)
        item.find("ds:DigestValue", stranger.NAMES).text = stranger.b64(sha(octets))
    stranger.seal_value(signature, stranger.ecdsa(ana.key))


def test_a_counter_signature_is_judged_on_its_own(read_file, foreign, stranger, ana):
    """It follows the signature that it is over."""
    signature = resealed(stranger, ana, with_counter(foreign, stranger, counter(stranger, ana)))
    outer, inner = read_file(signature)
    assert states([outer, inner]) == [HOLDS, HOLDS]
    assert inner.covers == ("#v",)
    broken = signature.replace(b"2026-01-02", b"2026-01-03")
    assert [s[0] for s in states(read_file(broken))] == [False, False]


def test_a_broken_counter_signature_breaks_nothing_else(read_file, foreign, stranger, ana):
    root = etree.fromstring(resealed(stranger, ana, with_counter(foreign, stranger, counter(stranger, ana))))
    next(root.iter("{*}CounterSignature"))[0].find("ds:SignatureValue", stranger.NAMES).text = stranger.b64(bytes(64))
    assert states(read_file(etree.tostring(root))) == [HOLDS, (False, True, IntegrityFailure.VALUE)]


@pytest.mark.parametrize("kind", [COUNTERSIGNED, None])
def test_a_counter_signature_of_something_else_is_none(read_file, foreign, stranger, ana, kind):
    """Of the signed object, of something that it brings along, of another value: it holds and deceives."""
    own = '<ds:Object Id="x">own</ds:Object>'
    value = f'<ds:Object><ds:SignatureValue xmlns:ds="{DS}" Id="x">AAAA</ds:SignatureValue></ds:Object>'
    for target, objects in (("#o", ""), ("#cx", own), ("#cx", value)):
        inner = counter(stranger, ana, target, kind, objects)
        signature = resealed(stranger, ana, with_counter(foreign, stranger, inner))
        outer, inner_state = states(read_file(signature))
        assert outer == HOLDS
        assert inner_state[1] is False


def test_a_counter_signature_without_the_type_is_one_by_its_target(read_file, foreign, stranger, ana):
    """EN 319 132-1 asks for the reference; its Type is a courtesy."""
    signature = resealed(stranger, ana, with_counter(foreign, stranger, counter(stranger, ana, kind=None)))
    assert states(read_file(signature)) == [HOLDS, HOLDS]


def test_a_counter_signature_is_none_of_the_hash(engine, foreign, stranger, ana):
    """Over a hash only the signature itself is answered for."""
    made = foreign(sha(CONTENT), unsigned=f"<xades:CounterSignature>{counter(stranger, ana)}</xades:CounterSignature>")
    (verdict,) = engine.read(io.BytesIO(resealed(stranger, ana, made)), sha(CONTENT))
    assert states([verdict]) == [HOLDS]


# ---------------------------------------------------------------- keys and levels


def test_a_key_without_certificate_verifies_and_is_nobodys(read_file, stranger, signers):
    """KeyValue alone: the value holds, and who signed is not said."""
    signer = signers["rsa-2048"]
    numbers = signer.key.public_key().public_numbers()
    modulus, exponent = stranger.b64(numbers.n.to_bytes(256)), stranger.b64(numbers.e.to_bytes(3))
    keys = (
        f"<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus>"
        f"<ds:Exponent>{exponent}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
    )
    text = stranger.draft(signer.der, b"", keys=keys, method=f"{stranger.MORE}rsa-sha256", **enveloping(stranger))
    (verdict,) = read_file(stranger.seal(text, stranger.pkcs1(signer.key)))
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.certificate) == (True, None, None)


def test_a_signature_is_none_by_a_shared_secret(read_file, stranger, ana):
    """HMAC with the public key as its key, which everybody has."""
    method = f"{stranger.MORE}hmac-sha256"
    text = stranger.draft(ana.der, b"", method=method, **enveloping(stranger))
    for secret in (ana.der, b"", b"secret"):
        made = stranger.seal(text, lambda octets, key=secret: hmac.new(key, octets, "sha256").digest())
        assert states(read_file(made)) == [(False, None, IntegrityFailure.FORMAT)]


def _prime(chance: random.Random) -> int:
    while True:
        number = chance.getrandbits(256) | 1 | 3 << 254
        if pow(2, number - 1, number) == 1 and number % 65537 != 1:
            return number


class ShortKey:
    """RSA of 512 bits, which no library makes any more."""

    def __init__(self) -> None:
        chance = random.Random(512)
        p, q = _prime(chance), _prime(chance)
        self.modulus, self.private = p * q, pow(65537, -1, (p - 1) * (q - 1))

    def public_key(self):
        return rsa.RSAPublicNumbers(65537, self.modulus).public_key()

    def sign(self, octets: bytes) -> bytes:
        digest = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(octets).digest()
        padded = b"\0\1" + b"\xff" * (61 - len(digest)) + b"\0" + digest
        return pow(int.from_bytes(padded), self.private, self.modulus).to_bytes(64)


def test_a_512_bit_key_verifies_and_is_told_to_the_policy(read_file, stranger, authority):
    """Whether it is long enough is not this reader's question; the certificate says how long it is."""
    weak = ShortKey()
    signer = authority.signer_for(weak)
    text = stranger.draft(signer.der, b"", method=f"{stranger.DS}rsa-sha1", **enveloping(stranger))
    signature = stranger.seal(text, weak.sign)
    (verdict,) = read_file(signature)
    assert (states([verdict]), verdict.certificate) == ([HOLDS], signer.der)
    assert DigestAlgorithm.SHA1 in verdict.signature_digests


def test_what_signxml_envelopes_is_read_and_its_word_agrees(read_file, ana):
    """A second opinion on the same documents: as they were signed, and changed."""
    certificate = x509.load_der_x509_certificate(ana.der).public_bytes(Encoding.PEM).decode()
    signer = XAdESSigner(method=methods.enveloped, signature_algorithm="ecdsa-sha256")
    document = etree.fromstring("<order xmlns='urn:o'><item>one</item><?p i?><!-- c --></order>")
    signed = etree.tostring(signer.sign(document, key=ana.key, cert=certificate))
    (verdict,) = read_file(signed)
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.certificate) == (True, True, ana.der)
    for changed, holds in ((signed, True), (signed.replace(b">one<", b">two<"), False)):
        try:
            XAdESVerifier().verify(changed, x509_cert=certificate, expect_references=3)
            accepted = True
        except SignXMLException:
            accepted = False
        assert accepted is read_file(changed)[0].crypto_valid is holds


def test_levels_are_named_by_what_is_there(read_file, foreign, stranger, ana):
    """As EU DSS names them; whether anything is any good is not said."""
    formats = (
        '<xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference="#r">'
        "<xades:MimeType>text/plain</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties>"
    )
    values = "<xades:CertificateValues/><xades:RevocationValues/>"
    references = "<xades:CompleteCertificateRefs/><xades:CompleteRevocationRefs/>"
    stamp = stranger.time_stamp(b"t")
    archive = f'<a:ArchiveTimeStamp xmlns:a="{stranger.XADES_141}"/>'
    for unsigned, baseline, extended in (
        ("", "XAdES-BASELINE-B", "XAdES-BES"),
        (stamp, "XAdES-BASELINE-T", "XAdES-T"),
        (stamp + values, "XAdES-BASELINE-LT", "XAdES-LT"),
        (stamp + values + archive, "XAdES-BASELINE-LTA", "XAdES-A"),
        (stamp + references, "XAdES-BASELINE-T", "XAdES-C"),
        (stamp + references + "<xades:SigAndRefsTimeStamp/>", "XAdES-BASELINE-T", "XAdES-X"),
        (stamp + references + "<xades:SigAndRefsTimeStamp/>" + values, "XAdES-BASELINE-LT", "XAdES-XL"),
    ):
        (verdict,) = read_file(foreign(b"", signed=formats, unsigned=unsigned), as_stated=True)
        assert verdict.level == baseline
        (verdict,) = read_file(foreign(b"", unsigned=unsigned), as_stated=True)
        assert verdict.level == extended


# ---------------------------------------------------------------- time-stamps


def stamp(name: str, stranger, inside: str = "", space: str = "xades") -> str:
    declared = f' xmlns:a="{stranger.XADES_141}"' if space == "a" else ""
    return (
        f'<{space}:{name}{declared}>{inside}<ds:CanonicalizationMethod Algorithm="{stranger.EXCLUSIVE}"/>'
        f"<xades:EncapsulatedTimeStamp>{stranger.b64(name.encode())}</xades:EncapsulatedTimeStamp></{space}:{name}>"
    )


def test_every_kind_of_time_stamp_covers_what_it_is_for(read_file, foreign, stranger):
    """Octet for octet, by hand from EN 319 132-1 (§ 5.2.8, § 5.3, § 5.5.2, A.1.5)."""
    signed = (
        "<xades:SignedDataObjectProperties>"
        + stamp("AllDataObjectsTimeStamp", stranger)
        + stamp("IndividualDataObjectsTimeStamp", stranger, '<xades:Include URI="#r1" referencedData="true"/>')
        + "</xades:SignedDataObjectProperties>"
    )
    unsigned = (
        stamp("SignatureTimeStamp", stranger)
        + "<xades:CompleteCertificateRefs>c</xades:CompleteCertificateRefs><xades:CompleteRevocationRefs>r"
        "</xades:CompleteRevocationRefs>"
        + stamp("SigAndRefsTimeStamp", stranger)
        + stamp("RefsOnlyTimeStamp", stranger)
        + stamp("ArchiveTimeStamp", stranger, space="a")
    )
    content = stranger.reference("a.txt", digest=sha(CONTENT)) + stranger.reference(
        "b.txt", digest=sha(OTHER), ref_id="r1"
    )
    objects = '<ds:Object Id="o">more</ds:Object>'
    signature = foreign(b"", content=content, signed=signed, unsigned=unsigned, objects=objects)
    (verdict,) = read_file(signature, {"a.txt": CONTENT, "b.txt": OTHER})
    assert states([verdict]) == [HOLDS]
    root = etree.fromstring(signature)

    def c14n(path: str) -> bytes:
        return b"".join(stranger.canonical(e, stranger.EXCLUSIVE) for e in root.xpath(path, namespaces=names))

    names = {**stranger.NAMES, "a": stranger.XADES_141}
    value, properties = c14n("ds:SignatureValue"), "//xades:UnsignedSignatureProperties/xades:"
    refs = c14n(f"{properties}CompleteCertificateRefs") + c14n(f"{properties}CompleteRevocationRefs")
    before = c14n("//a:ArchiveTimeStamp/preceding-sibling::*")
    archived = b"".join(
        (
            CONTENT,
            OTHER,
            c14n("//xades:SignedProperties"),
            c14n("ds:SignedInfo"),
            value,
            c14n("ds:KeyInfo"),
            before,
            c14n("ds:Object[@Id='o']"),
        )
    )
    expected = [
        (b"AllDataObjectsTimeStamp", TimeStampKind.CONTENT, CONTENT + OTHER),
        (b"IndividualDataObjectsTimeStamp", TimeStampKind.CONTENT, OTHER),
        (b"SignatureTimeStamp", TimeStampKind.SIGNATURE, value),
        (b"SigAndRefsTimeStamp", TimeStampKind.SIGNATURE, value + c14n(f"{properties}SignatureTimeStamp") + refs),
        (b"RefsOnlyTimeStamp", TimeStampKind.REFERENCES, refs),
        (b"ArchiveTimeStamp", TimeStampKind.ARCHIVE, archived),
    ]
    assert [(s.token, s.kind, s.covered) for s in verdict.time_stamps] == expected
    (unknown,) = read_file(signature, as_stated=True)
    covered = {s.token: s.covered for s in unknown.time_stamps}
    assert covered[b"ArchiveTimeStamp"] is covered[b"AllDataObjectsTimeStamp"] is None
    assert covered[b"SignatureTimeStamp"] == value


def test_a_time_stamp_that_lists_something_else_than_the_value_is_over_nothing(read_file, foreign, stranger):
    """An explicit list may not turn a signature's time-stamp into one of something else."""
    for target, known in (("#v", True), ("#p", False), ("#none", False), ("http://a.test/", False)):
        listed = f'<xades:Include URI="{target}"/>'
        unsigned = stamp("SignatureTimeStamp", stranger, listed)
        (verdict,) = read_file(foreign(b"", unsigned=unsigned), as_stated=True)
        assert (verdict.time_stamps[0].covered is not None) is known


def test_the_caller_may_know_whose_signature_it_is(reader, ana, signers, engine):
    """Where the signature brings no certificate; another's is no help, and nobody is believed for it."""
    content = ContentDigest.of(bytes(range(32)))
    bare = re.sub(b"<ds:KeyInfo>.*</ds:KeyInfo>", b"", ana.sign(engine, content), flags=re.DOTALL)
    given = [DetachedContent(digest_algorithm="sha256", digest=content.value)]

    def read(*certificates):
        (verdict,) = reader.read_file(io.BytesIO(bare), given, certificates=certificates)
        return verdict.certificate, verdict.crypto_valid, verdict.structure_valid

    assert read()[:2] == (None, False)
    assert read(ana.der) == (ana.der, True, True)
    assert read(signers["rsa-2048"].der, ana.der) == (ana.der, True, True)
    assert read(signers["rsa-2048"].der)[1] is False
