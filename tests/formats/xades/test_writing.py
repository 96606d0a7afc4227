"""What is written is canonical as it stands, holds, and is accepted by verifiers that we did not write."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.demo import verifiers
from gateway.demo.signed_parts import xades_time_stamps
from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue
from gateway.errors import UnreadableSignature, UnsignableDocument
from gateway.formats.xades import state
from gateway.formats.xades.engine import XadesEngine

CONTENT = b"what was signed"
ALGORITHMS = ["sha1", "sha256", "sha384", "sha512"]
KINDS = ["rsa-2048", "rsa-3072", "p-256", "p-384", "p-521"]
HASH = ContentDigest.of(hashlib.sha256(CONTENT).digest())
NAMES = {"ds": "http://www.w3.org/2000/09/xmldsig#", "xades": "http://uri.etsi.org/01903/v1.3.2#"}


def of(algorithm: str) -> ContentDigest:
    return ContentDigest.of(hashlib.new(algorithm, CONTENT).digest())


def b64(data: bytes) -> str:
    return b64encode(data).decode()


def exclusive(element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_signed_reads_back(engine, signers, read, kind, algorithm):
    """Every kind of key, every length of hash: clear, holding, under the certificate it names."""
    signer, content = signers[kind], of(algorithm)
    verdict = read(signer.sign(engine, content, token=b"token"), content.value)
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.failure) == (True, True, None)
    assert (verdict.certificate, verdict.certificate_reference_matches) == (signer.der, True)
    assert verdict.other_certificates == (signer.issuer,)
    assert verdict.content_digest is DigestAlgorithm(algorithm)
    assert [stamp.token for stamp in verdict.time_stamps] == [b"token"]
    assert (verdict.covers_whole_document, verdict.modified_after_signing) == (None, None)


@pytest.mark.parametrize("kind", KINDS)
def test_the_signature_itself_is_never_weaker_than_sha256(engine, signers, read, kind):
    """Also over a SHA-1 content, which is the consumer's choice and not ours."""
    verdict = read(signers[kind].sign(engine, of("sha1")), of("sha1").value)
    own = {"p-384": DigestAlgorithm.SHA384, "p-521": DigestAlgorithm.SHA512}.get(kind, DigestAlgorithm.SHA256)
    assert verdict.signature_digests == {DigestAlgorithm.SHA256, own}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", KINDS)
def test_signxml_accepts_it(engine, authority, signers, kind, algorithm):
    """With schema, references, certificate reference and path."""
    xades = signers[kind].sign(engine, of(algorithm), token=b"0\0")
    answer = verifiers.signxml_verdict(xades, CONTENT, [authority.pem])
    assert answer.accepted, answer.detail
    assert not verifiers.signxml_verdict(xades, b"another", [authority.pem]).accepted


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", KINDS)
def test_xmlsec1_accepts_it(engine, authority, signers, kind, algorithm):
    """A third implementation, in C."""
    if shutil.which("xmlsec1") is None:
        pytest.skip("xmlsec1 is not installed: apt-get install xmlsec1")
    xades = signers[kind].sign(engine, of(algorithm))
    assert verifiers.xmlsec1_verdict(xades, CONTENT, [authority.pem]).accepted


@settings(max_examples=60, deadline=None)
@given(
    content=st.sampled_from([20, 32, 48, 64]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    moment=st.integers(-62_135_500_000, 253_402_200_000).map(
        lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(0, s)
    ),
    signature_id=st.integers(0, 2**128 - 1).map("{:032x}".format),
    value=st.binary(max_size=600),
    token=st.none() | st.binary(max_size=100),
    kind=st.sampled_from(KINDS),
)
def test_what_is_hashed_is_the_canonical_form_of_what_is_written(
    engine, signers, content, moment, signature_id, value, token, kind
):
    """Whatever goes in: another canonicaliser finds the same octets in the finished document."""
    digest, given_value = ContentDigest.of(content), SignatureValue(value)
    prepared = engine.prepare(digest, signers[kind].parameters(signature_id, moment))
    out = io.BytesIO()
    engine.complete(digest, prepared, given_value, token, out)
    root = etree.fromstring(out.getvalue())

    assert exclusive(root) == out.getvalue()
    assert exclusive(root.find("ds:SignedInfo", NAMES)) == prepared.data.octets
    covered = exclusive(root.find("ds:SignatureValue", NAMES))
    assert hashlib.sha256(covered).digest() == engine.imprint(prepared, given_value)
    named = root.findall("ds:SignedInfo/ds:Reference/ds:DigestValue", NAMES)
    properties = hashlib.sha256(exclusive(root.find(".//xades:SignedProperties", NAMES))).digest()
    assert [etree.fromstring(exclusive(n)).text for n in named] == [b64(content), b64(properties)]


def test_it_has_the_shape_that_was_decided(engine, ana):
    """Decision 20, element by element."""
    root = etree.fromstring(ana.sign(engine, HASH, token=b"token", signature_id="ab" * 16))
    content, properties = root.findall("ds:SignedInfo/ds:Reference", NAMES)
    exclusive_c14n = "http://www.w3.org/2001/10/xml-exc-c14n#"
    assert content.get("URI") == "content"
    assert content.find("ds:Transforms", NAMES) is None
    assert properties.get("Type") == "http://uri.etsi.org/01903#SignedProperties"
    assert [t.get("Algorithm") for t in properties.iter("{*}Transform")] == [exclusive_c14n]
    assert [m.get("Algorithm") for m in root.iter("{*}CanonicalizationMethod")] == [exclusive_c14n] * 2
    signed = root.find(".//xades:SignedProperties", NAMES)
    assert [etree.QName(e).localname for e in signed[0]] == ["SigningTime", "SigningCertificateV2"]
    assert signed.find(".//xades:Cert", NAMES).get("URI") is None
    form = signed.find("xades:SignedDataObjectProperties/xades:DataObjectFormat", NAMES)
    assert form.get("ObjectReference") == f"#{content.get('Id')}"
    assert form.findtext("xades:MimeType", namespaces=NAMES) == "application/octet-stream"
    assert root.find(".//xades:QualifyingProperties", NAMES).get("Target") == f"#{root.get('Id')}"
    ids = [e.get("Id") for e in root.iter("*") if e.get("Id")]
    assert len(ids) == len(set(ids)) == 4
    assert all(name.endswith("ab" * 16) for name in ids)
    assert len(root.findall(".//xades:EncapsulatedTimeStamp", NAMES)) == 1


def test_the_signing_time_is_utc_in_whole_seconds(engine, ana, read):
    """Whatever zone and fraction it comes with."""
    moment = datetime(2026, 5, 6, 7, 8, 9, 999_999, tzinfo=timezone(timedelta(hours=3)))
    xades = ana.sign(engine, HASH, at=moment)
    assert b"<xades:SigningTime>2026-05-06T04:08:09Z</xades:SigningTime>" in xades
    assert read(xades, HASH.value).claimed_signing_time == datetime(2026, 5, 6, 4, 8, 9, tzinfo=UTC)


def test_without_a_token_it_stays_level_b(engine, ana, read):
    """No empty time-stamp, no unsigned properties."""
    xades = ana.sign(engine, HASH)
    assert b"Unsigned" not in xades
    assert read(xades, HASH.value).time_stamps == ()


def test_the_reader_hands_on_the_octets_of_the_imprint(engine, ana, read):
    """What ``imprint`` hashes is what the finished signature's time-stamp is judged by, by our reader and another."""
    prepared = engine.prepare(HASH, ana.parameters())
    value, out = ana.value(prepared.data), io.BytesIO()
    engine.complete(HASH, prepared, value, b"token", out)
    (stamp,) = read(out.getvalue(), HASH.value).time_stamps
    assert hashlib.sha256(stamp.covered).digest() == engine.imprint(prepared, value)
    assert [part.data for part in xades_time_stamps(out.getvalue())] == [stamp.covered]


def test_another_process_completes_it(engine, ana, read, tmp_path):
    """The state is plain bytes and all that is needed beside what is signed."""
    prepared = engine.prepare(HASH, ana.parameters())
    value = ana.value(prepared.data)
    for name, data in (("octets", prepared.data.octets), ("state", prepared.state), ("value", value.octets)):
        (tmp_path / name).write_bytes(data)
    program = (
        "import sys, pathlib\n"
        "from gateway.domain.contents import ContentDigest\n"
        "from gateway.domain.signatures import DataToBeSigned, PreparedSignature, SignatureValue\n"
        "from gateway.formats.xades.engine import XadesEngine\n"
        "octets, state, value = ((pathlib.Path(sys.argv[1]) / n).read_bytes() for n in ('octets', 'state', 'value'))\n"
        "prepared = PreparedSignature(DataToBeSigned(octets), state)\n"
        "content = ContentDigest.of(bytes.fromhex(sys.argv[2]))\n"
        "XadesEngine().complete(content, prepared, SignatureValue(value), b'token', sys.stdout.buffer)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), HASH.value.hex()]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    out = io.BytesIO()
    engine.complete(HASH, prepared, value, b"token", out)
    assert done.stdout == out.getvalue()
    assert read(done.stdout, HASH.value).crypto_valid


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_state_is_refused_before_anything_is_written(engine, ana, data):
    """Any byte changed, anything cut or added."""
    prepared = engine.prepare(HASH, ana.parameters())
    state = prepared.state
    position = data.draw(st.integers(0, len(state) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                state[:position] + bytes([state[position] ^ data.draw(st.integers(1, 255))]) + state[position + 1 :],
                state[:position],
                state + b"x",
                b"",
            ]
        )
    )
    out = io.BytesIO()
    spoiled = PreparedSignature(prepared.data, damaged)
    with pytest.raises(UnreadableSignature):
        engine.complete(HASH, spoiled, SignatureValue(b"value"), None, out)
    with pytest.raises(UnreadableSignature):
        engine.imprint(spoiled, SignatureValue(b"value"))
    assert out.getvalue() == b""


def test_a_state_goes_with_its_own_octets_alone(engine, ana):
    """Two preparations cannot be mixed up."""
    first = engine.prepare(HASH, ana.parameters("1" * 32))
    second = engine.prepare(HASH, ana.parameters("2" * 32))
    with pytest.raises(UnreadableSignature):
        engine.imprint(PreparedSignature(first.data, second.state), SignatureValue(b"value"))


def test_a_forged_state_cannot_write_markup_by_its_id(engine, ana):
    """Even with a checksum that fits."""
    prepared = engine.prepare(HASH, ana.parameters())
    forged = state.pack(prepared.data.octets, state.PreparedParts(b'"><evil/>', b""))
    with pytest.raises(UnreadableSignature):
        engine.imprint(PreparedSignature(prepared.data, forged), SignatureValue(b"value"))


def test_an_unknown_layout_says_so(engine, ana):
    """A release that went back would meet states of a later one."""
    prepared = engine.prepare(HASH, ana.parameters())
    later = PreparedSignature(prepared.data, prepared.state.replace(b"xades-1", b"xades-2", 1))
    with pytest.raises(UnreadableSignature, match="unknown layout"):
        engine.imprint(later, SignatureValue(b"value"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signature_id": '"><evil/>'}, "128 bits"),
        ({"signature_id": "0" * 31}, "128 bits"),
        ({"signing_time": datetime(2026, 1, 1)}, "zone"),  # noqa: DTZ001 - without a zone is the point
    ],
)
def test_parameters_of_another_form_never_reach_the_document(engine, ana, change, reason):
    """The template does no escaping, so nothing comes in that could need it."""
    with pytest.raises(UnsignableDocument, match=reason):
        engine.prepare(HASH, replace(ana.parameters(), **change))


def test_a_certificate_that_cannot_sign_is_refused(engine, ana):
    """A key of a kind for which we have no method."""
    parameters = ana.parameters()
    unknown = replace(parameters, certificate=replace(parameters.certificate, key_algorithm=None))
    with pytest.raises(UnsignableDocument, match="kind of key"):
        engine.prepare(HASH, unknown)


def test_documents_are_not_signed_here(engine, ana):
    """Inspecting, preparing and completing say so."""
    prepared = engine.prepare(HASH, ana.parameters())
    with pytest.raises(UnsignableDocument):
        engine.inspect(io.BytesIO(b"%PDF-"), multiple_signatures=True)
    with pytest.raises(UnsignableDocument):
        engine.prepare(io.BytesIO(b"%PDF-"), ana.parameters())
    with pytest.raises(UnsignableDocument):
        engine.complete(io.BytesIO(b"%PDF-"), prepared, SignatureValue(b"v"), None, io.BytesIO())


def test_a_digest_that_lies_about_its_algorithm_is_refused(engine, ana):
    """``ContentDigest.of`` would not have made it."""
    with pytest.raises(UnsignableDocument, match="length"):
        engine.prepare(ContentDigest(DigestAlgorithm.SHA512, b"short"), ana.parameters())


def test_few_templates_are_kept_and_none_is_mixed_up(signers, read):
    """An engine that may keep one serves two signers in turn."""
    engine = XadesEngine(templates=1, keys=1)
    for kind in ("p-256", "rsa-2048", "p-256"):
        assert read(signers[kind].sign(engine, HASH), HASH.value).certificate == signers[kind].der
    assert engine._template.cache_info().currsize == 1


def test_the_chain_is_carried_and_belongs_to_the_template(engine, ana, read):
    """The same certificate with another chain is another template."""
    alone = replace(ana.parameters(), certificate=replace(ana.certificate, chain=()))
    prepared = engine.prepare(HASH, alone)
    out = io.BytesIO()
    engine.complete(HASH, prepared, ana.value(prepared.data), None, out)
    assert read(out.getvalue(), HASH.value).other_certificates == ()
    assert read(ana.sign(engine, HASH), HASH.value).other_certificates == (ana.issuer,)
    assert x509.load_der_x509_certificate(ana.issuer).public_bytes(Encoding.DER) == ana.issuer


def test_what_a_device_is_shown_are_whole_octets(engine, ana):
    """SignedInfo itself, so that a device can recompute what it signs."""
    data = engine.prepare(HASH, ana.parameters()).data
    assert isinstance(data, DataToBeSigned)
    assert data.octets.startswith(b"<ds:SignedInfo ")
    assert b64(HASH.value).encode() in data.octets
