"""Documents are made to last by appended revisions: every octet before stays, and strangers agree."""

import io
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore

from gateway.domain.evidence import Evidence, PreparedArchive
from gateway.domain.verdicts import SignatureKind, TimeStampKind
from gateway.errors import UnreadableSignature
from gateway.formats.pades.augmenting import PadesAugmenter

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def augmenter():
    numbers = itertools.count(1)
    return PadesAugmenter(lambda: f"{next(numbers):032x}")


@pytest.fixture(scope="module")
def crl(town):
    """Root's, with nobody on it."""
    return (
        x509.CertificateRevocationListBuilder()
        .issuer_name(town.root.cert.subject)
        .last_update(NOW)
        .next_update(NOW + timedelta(days=1))
        .sign(town.root.key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


@pytest.fixture
def evidence(town, crl):
    return Evidence((town.root.der, town.issuing.der, town.tsa.der), (), (crl,))


def with_evidence(augmenter, document, signer, stamps=None):
    out = io.BytesIO()
    augmenter.add_evidence(io.BytesIO(document), signer, stamps or Evidence(), out)
    return out.getvalue()


def with_archive(augmenter, document, token_of, size=8192):
    prepared = augmenter.prepare_archive(io.BytesIO(document), None, size)
    out = io.BytesIO()
    augmenter.complete_archive(io.BytesIO(document), prepared, token_of(prepared.imprint), out)
    return out.getvalue()


@pytest.fixture(scope="module")
def layouts(pdfs):
    return {
        "classic": pdfs.blank(),
        "object streams": pdfs.blank(object_streams=True),
        "form": pdfs.form(),
        "hybrid": pdfs.hybrid(),
    }


@pytest.mark.parametrize("layout", ["classic", "object streams", "form", "hybrid"])
def test_a_document_gets_a_store_and_is_of_level_lt(augmenter, engine, town, layouts, evidence, layout):
    document = town.signer().sign(engine, layouts[layout])
    lasting = with_evidence(augmenter, document, evidence)
    assert lasting.startswith(document), "nothing that was there is touched"
    before, after = (engine.read(io.BytesIO(one), None)[-1] for one in (document, lasting))
    assert (before.level, after.level) == ("PAdES-BASELINE-T", "PAdES-BASELINE-LT")
    assert (after.crypto_valid, after.structure_valid, after.modified_after_signing) == (True, True, False)
    assert after.embedded_crls == evidence.crls
    assert town.tsa.der in after.other_certificates


def test_the_store_has_no_vri_dictionary_and_a_stranger_reads_it(augmenter, signed, evidence):
    """Decision 21; pyHanko is the stranger."""
    reader = PdfFileReader(io.BytesIO(with_evidence(augmenter, signed, evidence)))
    store = DocumentSecurityStore.read_dss(reader)
    assert len(store.crls) == 1
    assert "/VRI" not in reader.root["/DSS"]


def test_nothing_is_put_in_twice(augmenter, signed, evidence):
    once = with_evidence(augmenter, signed, evidence)
    assert with_evidence(augmenter, once, evidence) == once


def test_newer_data_join_the_store(augmenter, signed, evidence, town, crl):
    once = with_evidence(augmenter, signed, Evidence(evidence.certificates))
    twice = with_evidence(augmenter, once, Evidence((), (), (crl,)))
    store = DocumentSecurityStore.read_dss(PdfFileReader(io.BytesIO(twice)))
    assert len(store.crls) == 1
    assert {der.dump() for der in store.load_certs()} >= {town.root.der, town.tsa.der}


def test_an_archive_time_stamp_covers_everything_before_it(augmenter, engine, signed, evidence, town):
    lasting = with_evidence(augmenter, signed, evidence)
    archived = with_archive(augmenter, lasting, town.token_of)
    assert archived.startswith(lasting)
    signature, stamp = engine.read(io.BytesIO(archived), None)
    assert (signature.level, signature.modified_after_signing) == ("PAdES-BASELINE-LTA", False)
    assert stamp.kind is SignatureKind.DOCUMENT_TIME_STAMP
    assert (stamp.crypto_valid, stamp.structure_valid, stamp.covers_whole_document) == (True, True, True)
    assert [one.kind for one in stamp.time_stamps] == [TimeStampKind.DOCUMENT]


def test_an_archive_is_renewed_by_newer_data_and_another_time_stamp(augmenter, engine, signed, evidence, town):
    document = signed
    for _ in range(3):
        document = with_archive(augmenter, with_evidence(augmenter, document, evidence), town.token_of)
    found = engine.read(io.BytesIO(document), None)
    assert [one.kind is SignatureKind.DOCUMENT_TIME_STAMP for one in found] == [False, True, True, True]
    assert all(one.crypto_valid and not one.modified_after_signing for one in found)


def test_a_signature_without_time_stamp_is_refused(augmenter, engine, town, pdfs, evidence):
    document = town.signer().sign(engine, pdfs.blank(), stamped=False)
    with pytest.raises(UnreadableSignature, match="level T"):
        with_evidence(augmenter, document, evidence)
    stamped_later = with_archive(augmenter, document, town.token_of)
    assert with_evidence(augmenter, stamped_later, evidence) != stamped_later, "a document's time-stamp will do"


def test_what_is_not_signed_is_refused(augmenter, pdfs, evidence):
    for document in (pdfs.blank(), b"no pdf", b""):
        with pytest.raises(UnreadableSignature):
            with_evidence(augmenter, document, evidence)


def test_data_that_are_too_large_are_refused(augmenter, signed, town):
    with pytest.raises(UnreadableSignature, match="too large"):
        with_evidence(augmenter, signed, Evidence((), (), (bytes(9 * 1024 * 1024),)))


def test_another_document_a_foreign_state_and_an_unfit_token_are_refused(augmenter, signed, town):
    prepared = augmenter.prepare_archive(io.BytesIO(signed), None, 4096)

    def complete(document=signed, prepared=prepared, token=b"t"):
        augmenter.complete_archive(io.BytesIO(document), prepared, token, io.BytesIO())

    complete()
    with pytest.raises(UnreadableSignature, match="not the one"):
        complete(document=signed + b" ")
    with pytest.raises(UnreadableSignature, match="not the one"):
        complete(document=signed[:-1] + bytes([signed[-1] ^ 1]))
    with pytest.raises(UnreadableSignature, match="room for 4096"):
        complete(token=bytes(4097))
    with pytest.raises(UnreadableSignature, match="room for"):
        complete(token=b"")
    for state in (b"", b"PAdES-archive-1\n", b"PAdES-archive-1\n\x00\x00\x00\x02{}", prepared.state[8:]):
        with pytest.raises(UnreadableSignature, match="not a prepared"):
            complete(prepared=PreparedArchive(prepared.imprint, state))
