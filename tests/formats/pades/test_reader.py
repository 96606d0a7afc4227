"""The reader of other people's files: levels by form, old and rare ways to sign, and where a signature may stand."""

from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pyhanko.pdf_utils.crypt import SecurityHandlerVersion, StandardSecurityHandler
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

from gateway.asn1 import der
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, SignatureKind, TimeStampKind
from gateway.errors import UnreadableSignature
from gateway.formats.pades.reader import PadesReader

ROOM = 4096
SHA1 = der.sequence(der.oid("1.3.14.3.2.26"), der.tlv(der.NULL))
RSA = der.sequence(der.oid("1.2.840.113549.1.1.1"), der.tlv(der.NULL))


@pytest.fixture(scope="module")
def reader():
    """As it is built where it is wired."""
    return PadesReader()


def verdicts(reader, pdf):
    return list(reader.read_file(BytesIO(pdf), ()))


def levels(reader, pdf):
    return [verdict.level for verdict in verdicts(reader, pdf)]


def assembled(pdfs, make, *, entries: bytes = b"/SubFilter/adbe.pkcs7.detached", in_place: bool = False) -> bytes:
    """A document with a signature that *make* makes of the octets that it covers; its dictionary in the field's place."""
    body = b"<</Type/Sig/Filter/Adobe.PPKLite%s/ByteRange [%010d %010d %010d %010d]/Contents <%s>>>"
    numbers = (0, 0, 0, 0)
    blank = body % (entries, *numbers, b"0" * (2 * ROOM))
    objects = pdfs.page_objects() | {1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[5 0 R]/SigFlags 3>>>>"}
    objects |= {5: b"<</FT/Sig/T(a)/V %s>>" % blank} if in_place else {5: b"<</FT/Sig/T(a)/V 6 0 R>>", 6: blank}
    pdf = pdfs.raw(objects)
    hole = pdf.index(b"/Contents <") + len(b"/Contents ")
    end = hole + 2 * ROOM + 2
    placed = pdf.replace(blank, body % (entries, 0, hole, end, len(pdf) - end, b"0" * (2 * ROOM)))
    contents = make(placed[:hole] + placed[end:])
    return placed[:hole] + b"<" + contents.hex().encode().ljust(2 * ROOM, b"0") + b">" + placed[end:]


class Rsa:
    """Somebody with an RSA key."""

    def __init__(self, town) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.holder = town.issuing.issue("Rsa", self.key)

    def cms(self, covered: bytes, *, value=None, issuer=None, certificates=None) -> bytes:
        """Without signed attributes, over the content alone."""
        value = value or self.key.sign(covered, padding.PKCS1v15(), hashes.SHA1())
        issuer = issuer or self.holder.cert.issuer.public_bytes()
        signer = der.sequence(
            der.integer(1),
            der.sequence(issuer, der.integer(self.holder.cert.serial_number)),
            SHA1,
            RSA,
            der.octet_string(value),
        )
        body = der.sequence(
            der.integer(1),
            der.set_of(SHA1),
            der.sequence(der.oid("1.2.840.113549.1.7.1")),
            der.explicit(0, *(certificates or [self.holder.der])),
            der.tlv(der.SET, signer),
        )
        return der.sequence(der.oid("1.2.840.113549.1.7.2"), der.explicit(0, body))

    def raw(self, message: bytes) -> bytes:
        """PKCS#1 v1.5 padding around *message*, whatever it is."""
        size = self.key.key_size // 8
        block = b"\0\1" + b"\xff" * (size - 3 - len(message)) + b"\0" + message
        private = self.key.private_numbers()
        return pow(int.from_bytes(block), private.d, private.public_numbers.n).to_bytes(size)


@pytest.fixture(scope="module")
def person(town):
    return Rsa(town)


def test_levels_are_named_by_what_is_there(reader, engine, town, pdfs):
    """B, T by a token or a document time-stamp, LT with revocation data, LTA when a later time-stamp covers those."""
    plain = town.signer().sign(engine, pdfs.blank(), stamped=False)
    stamped = town.signer().sign(engine, pdfs.blank())
    assert levels(reader, plain) == ["PAdES-BASELINE-B"]
    assert levels(reader, stamped) == ["PAdES-BASELINE-T"]
    assert levels(reader, town.time_stamped(plain)) == ["PAdES-BASELINE-T", None]
    assert levels(reader, pdfs.with_store(stamped, certs=[town.root.der])) == ["PAdES-BASELINE-T"]
    assert levels(reader, pdfs.with_store(plain, crls=[b"\x30\x00"])) == ["PAdES-BASELINE-B"]
    kept = pdfs.with_store(stamped, crls=[b"\x30\x00"])
    assert levels(reader, kept) == ["PAdES-BASELINE-LT"]
    assert levels(reader, town.time_stamped(kept)) == ["PAdES-BASELINE-LTA", None]
    assert levels(reader, pdfs.with_store(town.time_stamped(stamped), crls=[b"\x30\x00"])) == [
        "PAdES-BASELINE-LT",
        None,
    ]


def test_adobes_signatures_have_their_own_levels(reader, town, pdfs, person):
    """And what is neither has none."""
    adobe = town.stranger_signs(pdfs.blank(), sub_filter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
    assert levels(reader, adobe) == ["PKCS7-B"]
    assert levels(reader, town.time_stamped(adobe)) == ["PKCS7-T", None]
    assert levels(reader, town.time_stamped(pdfs.with_store(adobe, crls=[b"\x30\x00"]))) == ["PKCS7-LTA", None]
    assert levels(reader, assembled(pdfs, person.cms)) == ["PDF-NOT-ETSI"]


def test_a_document_time_stamp_is_handed_out_as_one(reader, engine, town, pdfs):
    """By its kind, for it proves that a whole revision existed."""
    signature, stamp = verdicts(reader, town.time_stamped(town.signer().sign(engine, pdfs.blank())))
    assert [found.kind for found in signature.time_stamps] == [TimeStampKind.SIGNATURE]
    assert [found.kind for found in stamp.time_stamps] == [TimeStampKind.DOCUMENT]
    assert stamp.kind is SignatureKind.DOCUMENT_TIME_STAMP


def test_what_is_no_pdf_is_said_to_be_none(reader):
    """Nothing else is raised."""
    with pytest.raises(UnreadableSignature):
        verdicts(reader, b"<ds:Signature/>")


def test_a_signature_value_alone_is_read_with_its_certificate(reader, pdfs, person, town):
    """adbe.x509.rsa_sha1: an OCTET STRING in Contents, the certificate beside it."""

    def value(covered: bytes) -> bytes:
        return der.octet_string(person.key.sign(covered, padding.PKCS1v15(), hashes.SHA1()))

    entries = b"/SubFilter/adbe.x509.rsa_sha1/Cert<%s>" % person.holder.der.hex().encode()
    pdf = assembled(pdfs, value, entries=entries)
    (verdict,) = verdicts(reader, pdf)
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, True)
    assert verdict.certificate == person.holder.der
    assert verdict.signature_digests == {DigestAlgorithm.SHA1}
    (changed,) = verdicts(reader, pdf.replace(b"300", b"301", 1))
    assert changed.failure is IntegrityFailure.VALUE
    chain = b"/SubFilter/adbe.x509.rsa_sha1/Cert[<%s> <%s>]" % (
        person.holder.der.hex().encode(), town.issuing.der.hex().encode(),
    )  # fmt: skip
    (verdict,) = verdicts(reader, assembled(pdfs, value, entries=chain))
    assert verdict.crypto_valid
    assert verdict.other_certificates == (town.issuing.der,)
    (nobody,) = verdicts(reader, assembled(pdfs, value, entries=b"/SubFilter/adbe.x509.rsa_sha1"))
    assert (nobody.crypto_valid, nobody.failure) == (False, IntegrityFailure.FORMAT)


def test_a_digest_without_its_null_is_accepted_and_nothing_else(reader, pdfs, person):
    """RFC 8017 § 9.2 lets verifiers take both forms; a digest alone, or with more behind it, is another message."""
    identifier = der.oid("1.3.14.3.2.26")

    def signed(form):
        def make(covered: bytes) -> bytes:
            return person.cms(covered, value=person.raw(form(hashlib.sha1(covered).digest())))

        (verdict,) = verdicts(reader, assembled(pdfs, make))
        return verdict.crypto_valid

    assert signed(lambda digest: der.sequence(der.sequence(identifier), der.octet_string(digest)))
    assert signed(lambda digest: der.sequence(SHA1, der.octet_string(digest)))
    assert not signed(lambda digest: digest)
    assert not signed(lambda digest: der.sequence(SHA1, der.octet_string(digest)) + b"\0")
    assert not signed(lambda digest: der.sequence(SHA1, der.octet_string(digest), der.tlv(der.NULL)))
    assert not signed(
        lambda digest: der.sequence(der.sequence(identifier, der.octet_string(b"")), der.octet_string(digest))
    )


def test_a_signer_is_found_whatever_kind_of_string_names_the_issuer(reader, pdfs, person):
    """PrintableString for UTF8String, and other letters (RFC 5280 § 7.1)."""
    encoded = person.holder.cert.issuer.public_bytes()
    issuer = encoded.replace(b"\x0c\x07Issuing", b"\x13\x07ISSUING")
    assert issuer != encoded
    (verdict,) = verdicts(reader, assembled(pdfs, lambda covered: person.cms(covered, issuer=issuer)))
    assert verdict.crypto_valid
    assert verdict.certificate == person.holder.der


def test_another_certificate_counts_where_its_key_made_the_value(reader, pdfs, person, town):
    """The SignerInfo's word for its signer is not signed; nobody is found where no key fits."""
    nobody = x509.Name([]).public_bytes()
    sent = [town.issuing.der, person.holder.der]
    made = assembled(pdfs, lambda covered: person.cms(covered, issuer=nobody, certificates=sent))
    (verdict,) = verdicts(reader, made)
    assert verdict.crypto_valid
    assert verdict.certificate == person.holder.der
    made = assembled(pdfs, lambda covered: person.cms(covered, issuer=nobody, certificates=[town.issuing.der]))
    (verdict,) = verdicts(reader, made)
    assert (verdict.crypto_valid, verdict.certificate) == (False, None)


def test_a_signature_dictionary_may_stand_in_its_field(reader, pdfs, person):
    """Not behind a reference: the hole is in the field's own object."""
    (verdict,) = verdicts(reader, assembled(pdfs, person.cms, in_place=True))
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, True)


def test_blanks_in_and_around_the_hexadecimal_digits_say_nothing(reader, pdfs, person):
    """They are not signed, and mean nothing; anything else in their place is ambiguous."""
    pdf = assembled(pdfs, person.cms)
    end = pdf.index(b">", pdf.index(b"/Contents <"))
    for filling, clear in ((b" \n", True), (b"x0", False), (b">0", False), (b"%0", False)):
        found = verdicts(reader, pdf[: end - 2] + filling + pdf[end:])
        assert any(verdict.crypto_valid and verdict.structure_valid for verdict in found) is clear


def test_an_encrypted_document_that_opens_without_a_password_is_read(reader, engine, town):
    """Its signature is not encrypted; with a password of its own it cannot be read."""

    def encrypted(password: str) -> bytes:
        writer = PdfFileWriter()
        handler = StandardSecurityHandler.build_from_pw("owner", password)
        assert handler.version is SecurityHandlerVersion.AES256
        writer.security_handler = handler
        writer._encrypt = writer.add_object(handler.as_pdf_object())
        contents = writer.add_object(StreamObject(stream_data=b"q Q"))
        writer.insert_page(PageObject(contents=contents, media_box=(0, 0, 99, 99)))
        out = BytesIO()
        writer.write(out)
        return out.getvalue()

    person = town.signer("p-256").holder
    signer = signers.SimpleSigner(person.asn1, person.asn1_key, SimpleCertificateStore())
    made = []
    for password in ("", "secret"):
        writer = IncrementalPdfFileWriter(BytesIO(encrypted(password)))
        writer.encrypt(password)
        metadata = signers.PdfSignatureMetadata(field_name="Encrypted", md_algorithm="sha256")
        made.append(signers.PdfSigner(metadata, signer).sign_pdf(writer).getvalue())
    (verdict,) = verdicts(reader, made[0])
    assert (verdict.crypto_valid, verdict.structure_valid) == (True, True)
    with pytest.raises(UnreadableSignature, match="is encrypted"):
        verdicts(reader, made[1])


def test_the_key_is_what_counts_when_a_certificate_was_exchanged(reader, pdfs, person, town):
    """A certificate by the same issuer for another key does not do."""
    other = Rsa(town)
    made = assembled(pdfs, lambda covered: person.cms(covered, certificates=[other.holder.der]))
    (verdict,) = verdicts(reader, made)
    assert verdict.crypto_valid is False
