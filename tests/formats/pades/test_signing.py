"""What the engine writes: read back by itself, and judged by verifiers that we did not write."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from io import BytesIO

import pytest
from asn1crypto import cms as asn1_cms
from pyhanko.pdf_utils.reader import PdfFileReader

from gateway.demo import verifiers
from gateway.demo.signed_parts import cms_time_stamps, pdf_signatures
from gateway.domain.contents import ContentDigest, DigestAlgorithm
from gateway.domain.signatures import PreparedSignature, SignatureValue
from gateway.domain.verdicts import SignatureKind
from gateway.errors import UnreadableSignature, UnsignableDocument
from gateway.formats.pades.engine import PadesEngine

KINDS = ["rsa-2048", "rsa-3072", "p-256", "p-384", "p-521"]
DIGESTS = {"p-384": DigestAlgorithm.SHA384, "p-521": DigestAlgorithm.SHA512}


def holds(verdict) -> bool:
    return (
        verdict.crypto_valid
        and verdict.structure_valid is True
        and verdict.failure is None
        and verdict.certificate_reference_matches is True
        and verdict.modified_after_signing is False
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key_signs_and_reads_back(engine, town, pdfs, kind):
    """With its digest, certificate, chain, claimed time and time-stamp."""
    signer = town.signer(kind)
    out = signer.sign(engine, pdfs.blank())
    (verdict,) = engine.read(BytesIO(out), None)
    assert holds(verdict)
    assert verdict.kind is SignatureKind.SIGNATURE
    assert verdict.covers_whole_document is True
    assert verdict.certificate == signer.certificate.der
    assert verdict.other_certificates == (town.issuing.der,)
    assert verdict.claimed_signing_time == signer.parameters().signing_time
    assert verdict.signature_digests == {DIGESTS.get(kind, DigestAlgorithm.SHA256), DigestAlgorithm.SHA256}
    (part,) = pdf_signatures(out)
    (stamp,) = cms_time_stamps(part.cms)
    assert [(s.token, s.covered) for s in verdict.time_stamps] == [(stamp.token, stamp.data)]


@pytest.mark.parametrize("kind", ["rsa-2048", "p-256", "p-384", "p-521"])
def test_strangers_accept_every_kind_of_key(engine, town, pdfs, needs, kind):
    """Ours is accepted by pyHanko, pdfsig and OpenSSL, with its time-stamp."""
    needs("pdfsig", "openssl")
    out = town.signer(kind).sign(engine, pdfs.blank(), reason="Aprobat (ș, ț, я)")
    answers = verifiers.pdf_verdicts(out, town.anchors, town.intermediates)
    assert {a.name: a.accepted for a in answers} == {"pyHanko": True, "pdfsig": True, "openssl cms": True}


LAYOUTS = {
    "classic": lambda pdfs, town, engine: pdfs.blank(),
    "object streams": lambda pdfs, town, engine: pdfs.blank(object_streams=True),
    "no line end": lambda pdfs, town, engine: pdfs.blank().rstrip(),
    "form and annotations": lambda pdfs, town, engine: pdfs.form(value="100"),
    "large page": lambda pdfs, town, engine: pdfs.blank(padding=5_000_000),
    "co-signed": lambda pdfs, town, engine: town.signer("rsa-2048").sign(engine, pdfs.blank()),
    "co-signed in object streams": lambda pdfs, town, engine: town.signer().sign(
        engine, pdfs.blank(object_streams=True)
    ),
    "co-signed form": lambda pdfs, town, engine: town.signer().sign(engine, pdfs.form()),
    "after a stranger": lambda pdfs, town, engine: town.stranger_signs(pdfs.blank()),
    "after a stranger in a form": lambda pdfs, town, engine: town.stranger_signs(pdfs.form(value="1")),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_appended_to_and_accepted(engine, town, pdfs, needs, layout):
    """The original stays as it was, earlier signatures hold, and all verifiers agree."""
    needs("pdfsig", "openssl")
    original = LAYOUTS[layout](pdfs, town, engine)
    before = engine.read(BytesIO(original), None)
    engine.inspect(BytesIO(original), multiple_signatures=True)
    out = town.signer("p-384").sign(engine, original)
    assert out.startswith(original)
    assert original.endswith((b"\n", b"\r")) or out[len(original) :].startswith(b"\n")
    verdicts = engine.read(BytesIO(out), None)
    assert len(verdicts) == len(before) + 1
    assert all(holds(v) for v in verdicts)
    assert [v.covers_whole_document for v in verdicts] == [False] * len(before) + [True]
    answers = verifiers.pdf_verdicts(out, town.anchors, town.intermediates)
    assert {a.name: a.accepted for a in answers} == {"pyHanko": True, "pdfsig": True, "openssl cms": True}


def test_hybrid_files_are_signed_and_co_signed(engine, town, pdfs, needs):
    """Cross-references of both kinds at once; pyHanko's validator refuses to judge those, and the others accept."""
    needs("pdfsig", "openssl")
    document = pdfs.hybrid()
    assert PdfFileReader(BytesIO(document)).xrefs.hybrid_xrefs_present
    out = town.signer().sign(engine, town.signer("rsa-2048").sign(engine, document))
    verdicts = engine.read(BytesIO(out), None)
    assert [holds(v) for v in verdicts] == [True, True]
    for answer in (
        verifiers.pdfsig_verdict(out, town.anchors, town.intermediates),
        verifiers.openssl_cms_verdict(out, town.anchors, town.intermediates),
    ):
        assert answer.accepted, answer


def test_the_signature_dictionary_says_what_it_should(engine, town, pdfs):
    """SubFilter, /M, /Reason, an invisible field whose name occurs once, the identifier; no signing-time attribute."""
    signer = town.signer()
    first = signer.sign(engine, pdfs.blank(), reason="Semnat: ș я")
    reader = PdfFileReader(BytesIO(signer.sign(engine, first)))
    one, other = reader.embedded_signatures
    assert one.field_name != other.field_name
    assert one.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert one.sig_object["/Reason"] == "Semnat: ș я"
    assert "/Reason" not in other.sig_object
    assert one.sig_object["/M"].startswith(signer.parameters().signing_time.strftime("D:%Y%m%d%H%M%S"))
    assert [float(n) for n in one.sig_field["/Rect"]] == [0, 0, 0, 0]
    attributes = {a["type"].native for a in one.signer_info["signed_attrs"]}
    assert attributes == {"content_type", "message_digest", "signing_certificate_v2"}


def test_the_identifier_and_field_name_come_from_the_signature_id(engine, town, pdfs):
    """So that nothing is drawn at random here, and preparing again gives the same."""
    parameters = town.signer().parameters()
    document = BytesIO(pdfs.blank())
    prepared = engine.prepare(document, parameters)
    assert engine.prepare(document, parameters) == prepared
    assert prepared.state.count(parameters.signature_id.encode()) == 2


def test_metadata_and_version_of_the_document_are_left_alone(engine, town, pdfs):
    """The revision adds a signature and says nothing else."""
    original = pdfs.blank().replace(b"%PDF-1.7", b"%PDF-1.4", 1)
    added = town.signer().sign(engine, original)[len(original) :]
    for key in (b"/ModDate", b"/Producer", b"/Version", b"/Metadata", b"/Extensions"):
        assert key not in added


def test_the_container_is_reserved_as_configured_and_overflow_is_refused(town, pdfs):
    """A token that does not fit is named with both sizes, and nothing is written."""
    small = PadesEngine(container_bytes=1400, processes=1)
    document = BytesIO(pdfs.blank())
    signer = town.signer()
    prepared = small.prepare(document, signer.parameters())
    value = signer.value(prepared.data)
    bare = BytesIO()
    small.complete(document, prepared, value, None, bare)
    (part,) = pdf_signatures(bare.getvalue())
    assert len(part.covered) + 2 * 1400 + 2 == len(bare.getvalue())
    out = BytesIO()
    with pytest.raises(UnreadableSignature, match=r"has \d+ bytes; the document has room for 1400"):
        small.complete(document, prepared, value, town.token_of(small.imprint(prepared, value)), out)
    assert out.getvalue() == b""


def test_completing_works_in_another_worker_and_refuses_another_document(engine, town, pdfs):
    """The state is all that is carried; a document of the same length but for one octet is refused."""
    signer, original = town.signer("p-384"), pdfs.blank()
    prepared = engine.prepare(BytesIO(original), signer.parameters())
    carried = PreparedSignature(prepared.data, bytes(prepared.state))
    value = signer.value(prepared.data)
    elsewhere = PadesEngine()  # starts no process: completing parses nothing
    out = BytesIO()
    elsewhere.complete(BytesIO(original), carried, value, None, out)
    assert holds(engine.read(out, None)[0])
    for other in (original + b"\n", original.replace(b"300", b"301", 1)):
        with pytest.raises(UnreadableSignature, match="not the one that was prepared"):
            elsewhere.complete(BytesIO(other), carried, value, None, BytesIO())


def test_a_state_that_was_changed_is_refused(engine, town, pdfs):
    """Another version, cut short, or another revision than the one that was hashed."""
    signer, original = town.signer(), pdfs.blank()
    prepared = engine.prepare(BytesIO(original), signer.parameters())
    value = signer.value(prepared.data)
    changed = prepared.state.replace(b"/Adobe.PPKLite", b"/Adobe.PPKFull")
    assert changed != prepared.state
    for state in (b"PAdES-9" + prepared.state[7:], prepared.state[:-1], prepared.state[:20], b"", changed):
        with pytest.raises(UnreadableSignature):
            engine.complete(BytesIO(original), PreparedSignature(prepared.data, state), value, None, BytesIO())


@pytest.mark.parametrize("length", [0, 63, 65, 70, 256])
def test_a_value_of_another_length_is_refused(engine, town, pdfs, length):
    """P-256 gives 64 octets."""
    prepared = engine.prepare(BytesIO(pdfs.blank()), town.signer().parameters())
    with pytest.raises(UnreadableSignature, match="not a signature value of this key"):
        engine.imprint(prepared, SignatureValue(b"\1" * length))


def test_the_imprint_is_of_the_value_as_it_stands_in_the_cms(engine, town, pdfs):
    """DER for ECDSA, also where r or s begin with zero or a high bit."""
    signer = town.signer()
    document = BytesIO(pdfs.blank())
    prepared = engine.prepare(document, signer.parameters())
    value = SignatureValue(b"\0" * 31 + b"\x80" + b"\xff" * 32)
    out = BytesIO()
    engine.complete(document, prepared, value, None, out)
    signed = asn1_cms.ContentInfo.load(pdf_signatures(out.getvalue())[0].cms)["content"]["signer_infos"][0]
    octets = signed["signature"].native
    assert octets == bytes.fromhex("3027") + bytes.fromhex("02020080") + b"\x02\x21\x00" + b"\xff" * 32
    assert engine.imprint(prepared, value) == hashlib.sha256(octets).digest()


def test_streams_of_every_kind_are_taken(engine, town, pdfs, tmp_path):
    """In memory, files, and wrappers whose file holds something else than they give; positions do not matter."""
    document = pdfs.blank()
    plain, zipped = tmp_path / "plain.pdf", tmp_path / "zipped.pdf"
    plain.write_bytes(document)
    zipped.write_bytes(gzip.compress(document))
    signer = town.signer()
    parameters = signer.parameters()
    expected = engine.prepare(BytesIO(document), parameters)
    with plain.open("rb") as buffered, plain.open("rb", buffering=0) as bare, gzip.open(zipped) as wrapped:
        buffered.seek(77)
        for stream in (buffered, bare, wrapped):
            engine.inspect(stream, multiple_signatures=False)
            prepared = engine.prepare(stream, parameters)
            out = BytesIO()
            engine.complete(stream, prepared, signer.value(prepared.data), None, out)
            assert out.getvalue().startswith(document)
            assert prepared.data == expected.data


class Masked(BytesIO):
    """A stream over a file that holds something else, octet for octet, as a store that encrypts would give."""

    def __init__(self, document: bytes, file) -> None:
        super().__init__(document)
        self._file = file
        file.write(bytes(octet ^ 1 for octet in document))
        file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


def test_a_stream_is_believed_and_not_the_file_behind_it(engine, pdfs, tmp_path):
    """Also where both have the same length."""
    with (tmp_path / "masked").open("w+b") as file:
        engine.inspect(Masked(pdfs.blank(), file), multiple_signatures=False)


def test_a_hash_and_a_key_of_another_kind_are_refused(engine, town, pdfs):
    """This engine signs PDFs with keys that it knows."""
    parameters = town.signer().parameters()
    with pytest.raises(UnsignableDocument, match="is a hash"):
        engine.prepare(ContentDigest.of(bytes(32)), parameters)
    odd = replace(parameters, certificate=replace(parameters.certificate, key_algorithm=None))
    with pytest.raises(UnsignableDocument, match="this kind of key"):
        engine.prepare(BytesIO(pdfs.blank()), odd)
