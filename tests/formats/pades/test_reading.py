"""What the reader says of signatures that hold, that were spoiled, and that others wrote in other ways."""

from __future__ import annotations

import hashlib
from copy import copy
from datetime import UTC, datetime
from io import BytesIO

import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from pyhanko.sign.fields import SigSeedSubFilter

from gateway.asn1 import der
from gateway.demo.signed_parts import cms_time_stamps, pdf_signatures
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.verdicts import IntegrityFailure, SignatureKind
from gateway.errors import UnreadableSignature

DATA = der.oid("1.2.840.113549.1.7.1")
SIGNED_DATA = der.oid("1.2.840.113549.1.7.2")
SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))


def read_one(engine, pdf):
    (verdict,) = engine.read(BytesIO(pdf), None)
    return verdict


def spoiled_in_contents(pdf: bytes, part: bytes) -> bytes:
    """The last bit of *part* turned over, where it stands in the Contents."""
    text = part.hex().encode()
    assert pdf.lower().count(text) == 1
    end = pdf.lower().index(text) + len(text)
    return pdf[: end - 1] + b"%x" % (part[-1] & 0xF ^ 1) + pdf[end:]


class Prepared:
    """A document prepared by the engine, whose Contents a test writes itself."""

    def __init__(self, engine, town, pdf: bytes) -> None:
        self.signer = town.signer()
        self._container = 32768
        prepared = engine.prepare(BytesIO(pdf), self.signer.parameters())
        out = BytesIO()
        engine.complete(BytesIO(pdf), prepared, self.signer.value(prepared.data), None, out)
        self._pdf = out.getvalue()
        (part,) = pdf_signatures(self._pdf)
        self.covered, self.cms = part.covered, part.cms

    def with_contents(self, cms: bytes) -> bytes:
        start = self._pdf.index(b"/Contents <") + len(b"/Contents <")
        return self._pdf[:start] + cms.hex().encode().ljust(2 * self._container, b"0") + self._pdf[start + 65536 :]


@pytest.fixture(scope="module")
def prepared(engine, town, pdfs):
    return Prepared(engine, town, pdfs.blank())


def attributes(prepared, *, digest="sha256", more=(), without=()) -> list[bytes]:
    """The usual signed attributes over what is covered."""
    certificate = prepared.signer.certificate.der
    reference = der.sequence(der.sequence(der.sequence(der.octet_string(hashlib.sha256(certificate).digest()))))
    named = {
        "content type": der.sequence(der.oid("1.2.840.113549.1.9.3"), der.set_of(DATA)),
        "message digest": der.sequence(
            der.oid("1.2.840.113549.1.9.4"),
            der.set_of(der.octet_string(hashlib.new(digest, prepared.covered).digest())),
        ),
        "certificate": der.sequence(der.oid("1.2.840.113549.1.9.16.2.47"), der.set_of(reference)),
    }
    return [value for key, value in named.items() if key not in without] + list(more)


def signature(
    prepared, given, *, sort=True, digest=SHA256, algorithm=None, sign=None, certificates=None, signers=1, tail=b""
) -> bytes:
    """A ContentInfo signed by the prepared signer's key over *given* attributes."""
    holder = prepared.signer.holder
    body = b"".join(sorted(given) if sort else given)
    sign = sign or (lambda octets: holder.key.sign(octets, ec.ECDSA(hashes.SHA256())))
    value = sign(der.tlv(der.SET, body) if given else prepared.covered)
    issuer = der.sequence(holder.cert.issuer.public_bytes(), der.integer(holder.cert.serial_number))
    signer = der.sequence(
        der.integer(1),
        issuer,
        digest,
        der.explicit(0, body) if given else b"",
        algorithm or der.sequence(der.oid("1.2.840.10045.4.3.2")),
        der.octet_string(value),
        tail,
    )
    body = der.sequence(
        der.integer(1),
        der.set_of(digest),
        der.sequence(DATA),
        der.explicit(0, *(certificates or [holder.der])),
        der.tlv(der.SET, *[signer] * signers),
    )
    return der.sequence(SIGNED_DATA, der.explicit(0, body))


def test_a_document_without_signatures_has_none(engine, pdfs):
    """With a form or without one."""
    assert engine.read(BytesIO(pdfs.blank()), None) == ()
    assert engine.read(BytesIO(pdfs.form(value="1")), None) == ()


@pytest.mark.parametrize("octets", [b"", b"PK\x03\x04", b"<Signature/>", b"%PDF-1.7\nbut no more"])
def test_what_is_no_pdf_cannot_be_read(engine, octets):
    """Said as such, and nothing else raised."""
    with pytest.raises(UnreadableSignature):
        engine.read(BytesIO(octets), None)


def test_a_changed_byte_of_the_document_is_another_digest(engine, signed):
    """The value still holds, over what was there before."""
    verdict = read_one(engine, signed.replace(b"300", b"301", 1))
    assert (verdict.crypto_valid, verdict.structure_valid, verdict.failure) == (False, True, IntegrityFailure.DIGEST)
    assert verdict.certificate is not None


def test_a_changed_bit_of_the_cms_is_found_where_it_is(engine, signed):
    """In the value, and in the signed attributes; in the token it is another's question."""
    cms = pdf_signatures(signed)[0].cms
    signer = asn1_cms.ContentInfo.load(cms)["content"]["signer_infos"][0]
    (stamp,) = cms_time_stamps(cms)
    assert read_one(engine, spoiled_in_contents(signed, signer["signature"].native)).failure is IntegrityFailure.VALUE
    digest = next(a for a in signer["signed_attrs"] if a["type"].native == "message_digest")["values"][0].native
    assert read_one(engine, spoiled_in_contents(signed, digest)).failure is IntegrityFailure.DIGEST
    reference = next(a for a in signer["signed_attrs"] if a["type"].native == "signing_certificate_v2")
    hashed = reference["values"][0]["certs"][0]["cert_hash"].native
    referring = read_one(engine, spoiled_in_contents(signed, hashed))
    assert referring.failure is IntegrityFailure.VALUE
    assert referring.certificate_reference_matches is False
    stamped = read_one(engine, spoiled_in_contents(signed, stamp.token))
    assert stamped.crypto_valid
    assert stamped.time_stamps[0].token != stamp.token
    assert stamped.time_stamps[0].covered == stamp.data


def test_the_plain_shape_holds(engine, prepared):
    """What the following tests change is what makes the difference."""
    verdict = read_one(engine, prepared.with_contents(signature(prepared, attributes(prepared))))
    assert verdict.crypto_valid
    assert verdict.certificate_reference_matches is True


@pytest.mark.parametrize("missing", ["content type", "message digest"])
def test_signed_attributes_that_must_be_there_are_missed(engine, prepared, missing):
    """RFC 5652 § 5.3."""
    cms = signature(prepared, attributes(prepared, without=[missing]))
    assert read_one(engine, prepared.with_contents(cms)).failure is IntegrityFailure.FORMAT


def test_without_a_certificate_reference_nothing_is_said_about_it(engine, prepared):
    """As in older signatures."""
    cms = signature(prepared, attributes(prepared, without=["certificate"]))
    verdict = read_one(engine, prepared.with_contents(cms))
    assert verdict.crypto_valid
    assert verdict.certificate_reference_matches is None


def test_a_signature_over_the_content_alone_is_read(engine, prepared):
    """No signed attributes at all (adbe.pkcs7.detached allows it)."""
    cms = signature(prepared, [])
    assert read_one(engine, prepared.with_contents(cms)).crypto_valid
    changed = prepared.with_contents(cms).replace(b"300", b"301", 1)
    assert read_one(engine, changed).failure is IntegrityFailure.VALUE


def test_signed_attributes_are_signed_in_der_however_they_were_sent(engine, prepared):
    """Out of order, or with a length written too long: what counts is their DER, and never the octets received."""
    key = prepared.signer.holder.key

    def over_der(given):
        return lambda _octets: key.sign(der.set_of(*given), ec.ECDSA(hashes.SHA256()))

    given = sorted(attributes(prepared), reverse=True)
    as_sent = read_one(engine, prepared.with_contents(signature(prepared, given, sort=False)))
    assert as_sent.failure is IntegrityFailure.VALUE
    in_der = signature(prepared, given, sort=False, sign=over_der(given))
    assert read_one(engine, prepared.with_contents(in_der)).crypto_valid
    kind = der.oid("1.2.840.113549.1.9.5")
    moment = b"260101000000Z"
    long, short = (
        [*attributes(prepared), der.sequence(kind, der.tlv(der.SET, time))]
        for time in (b"\x17\x81\x0d" + moment, der.tlv(der.UTC_TIME, moment))
    )
    as_sent = read_one(engine, prepared.with_contents(signature(prepared, long)))
    assert as_sent.failure is IntegrityFailure.VALUE
    in_der = signature(prepared, long, sign=over_der(short))
    assert read_one(engine, prepared.with_contents(in_der)).crypto_valid


def test_an_attribute_twice_is_refused(engine, prepared):
    """Whose digest would count?"""
    other = der.sequence(der.oid("1.2.840.113549.1.9.4"), der.set_of(der.octet_string(bytes(32))))
    cms = signature(prepared, attributes(prepared, more=[other]))
    assert read_one(engine, prepared.with_contents(cms)).failure is IntegrityFailure.FORMAT


@pytest.mark.parametrize("signers", [0, 17])
def test_a_signature_by_nobody_or_by_a_crowd_is_not_read(engine, prepared, signers):
    """At most sixteen sign in one dictionary."""
    cms = signature(prepared, attributes(prepared), signers=signers)
    verdict = read_one(engine, prepared.with_contents(cms))
    assert (verdict.crypto_valid, verdict.failure) == (False, IntegrityFailure.FORMAT)


def test_each_of_several_signers_has_a_verdict(engine, prepared):
    """All of them count; PAdES allows one (EN 319 142-1 § 4.2), which the level says."""
    cms = signature(prepared, attributes(prepared), signers=2)
    verdicts = engine.read(BytesIO(prepared.with_contents(cms)), None)
    assert [v.crypto_valid for v in verdicts] == [True, True]
    assert [v.level for v in verdicts] == ["PDF-NOT-ETSI"] * 2
    value = asn1_cms.ContentInfo.load(cms)["content"]["signer_infos"][1]["signature"].native
    place = cms.rindex(value)
    spoiled = cms[:place] + value[:-1] + bytes((value[-1] ^ 1,)) + cms[place + len(value) :]
    verdicts = engine.read(BytesIO(prepared.with_contents(spoiled)), None)
    assert sorted(v.crypto_valid for v in verdicts) == [False, True]


def test_the_value_may_be_over_another_digest_than_the_contents(engine, prepared):
    """Both count for the policy; RFC 6211's protection, where it is there, must agree with what it protects."""
    sha384 = der.sequence(der.oid("2.16.840.1.101.3.4.2.2"))
    cms = signature(prepared, attributes(prepared, digest="sha384"), digest=sha384)
    verdict = read_one(engine, prepared.with_contents(cms))
    assert verdict.crypto_valid
    assert {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384} <= verdict.signature_digests
    kind = der.oid("1.2.840.113549.1.9.52")
    for digest, holds in ((SHA256, True), (sha384, False)):
        protection = der.sequence(digest, der.tlv(0xA1, der.oid("1.2.840.10045.4.3.2")))
        given = attributes(prepared, more=[der.sequence(kind, der.set_of(protection))])
        verdict = read_one(engine, prepared.with_contents(signature(prepared, given)))
        assert verdict.crypto_valid is holds


def test_a_certificate_missing_from_the_cms_is_a_format_failure(engine, town, prepared):
    """Nobody can be named."""
    cms = signature(prepared, attributes(prepared), certificates=[town.issuing.der])
    verdict = read_one(engine, prepared.with_contents(cms))
    assert (verdict.crypto_valid, verdict.certificate, verdict.failure) == (False, None, IntegrityFailure.FORMAT)


def test_contents_in_ber_with_indefinite_lengths_is_read(engine, prepared):
    """As some libraries write the outside of a CMS; the signed attributes are DER all the same."""
    whole = der.whole(signature(prepared, attributes(prepared)))
    kind, wrapped = whole.children()
    (body,) = wrapped.children()
    ber = b"\x30\x80" + kind.encoded + b"\xa0\x80" + b"\x30\x80" + body.body + b"\0\0" * 3
    assert read_one(engine, prepared.with_contents(ber)).crypto_valid


def test_contents_of_any_octets_never_raise(engine, prepared):
    """Empty, cut short, nested without end, or not a SignedData."""
    good = signature(prepared, attributes(prepared))
    for contents in (b"", b"\x30", good[:100], b"\x30\x80" * 5000, b"\x24\x80" * 5000, b"\xff" * 500, good[4:]):
        verdict = read_one(engine, prepared.with_contents(contents))
        assert (verdict.crypto_valid, verdict.failure) == (False, IntegrityFailure.FORMAT)


def certified(town, key):
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(town.issuing.cert.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
    )
    return builder.sign(town.issuing.key, hashes.SHA256())


def signed_by(prepared, town, key):
    """The same prepared document in the hands of another key."""
    other = copy(prepared)
    other.signer = type(prepared.signer)(town, type(prepared.signer.holder)(certified(town, key), key))
    return other


def other_key(prepared, town, key, *, digest, digest_name, algorithm, sign) -> bytes:
    """The prepared document signed by another key."""
    other = signed_by(prepared, town, key)
    given = attributes(other, digest=digest_name)
    return other.with_contents(signature(other, given, digest=digest, algorithm=algorithm, sign=sign))


def _pss(digest_oid: str, salt: int) -> bytes:
    digest = der.sequence(der.oid(digest_oid))
    mask = der.sequence(der.oid("1.2.840.113549.1.1.8"), digest)
    parameters = der.sequence(der.explicit(0, digest), der.explicit(1, mask), der.explicit(2, der.integer(salt)))
    return der.sequence(der.oid("1.2.840.113549.1.1.10"), parameters)


NIST = "2.16.840.1.101.3.4"


def test_rsa_pss_holds_with_its_parameters(engine, town, prepared):
    """Salt and mask as stated; another salt does not hold."""
    key = rsa.generate_private_key(65537, 2048)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    for salt, holds in ((32, True), (20, False)):
        pdf = other_key(
            prepared,
            town,
            key,
            digest=SHA256,
            digest_name="sha256",
            algorithm=_pss(f"{NIST}.2.1", salt),
            sign=lambda octets: key.sign(octets, scheme, hashes.SHA256()),
        )
        assert read_one(engine, pdf).crypto_valid is holds


def test_rsa_without_a_digest_in_its_name_takes_the_signers(engine, town, prepared):
    """rsaEncryption, SHA-1 throughout: it holds, and says so for the policy to judge."""
    key = rsa.generate_private_key(65537, 2048)
    pdf = other_key(
        prepared,
        town,
        key,
        digest=der.sequence(der.oid("1.3.14.3.2.26"), der.tlv(der.NULL)),
        digest_name="sha1",
        algorithm=der.sequence(der.oid("1.2.840.113549.1.1.1"), der.tlv(der.NULL)),
        sign=lambda octets: key.sign(octets, padding.PKCS1v15(), hashes.SHA1()),
    )
    verdict = read_one(engine, pdf)
    assert verdict.crypto_valid
    assert DigestAlgorithm.SHA1 in verdict.signature_digests


def test_sha3_and_plain_ecdsa_hold(engine, town, prepared):
    """As EU test suites sign."""
    key = ec.generate_private_key(ec.SECP256R1())
    sha3 = der.sequence(der.oid(f"{NIST}.2.8"))

    def plain(octets: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    pdf = other_key(
        prepared,
        town,
        key,
        digest=sha3,
        digest_name="sha3_256",
        algorithm=der.sequence(der.oid(f"{NIST}.3.10")),
        sign=lambda octets: key.sign(octets, ec.ECDSA(hashes.SHA3_256())),
    )
    verdict = read_one(engine, pdf)
    assert verdict.crypto_valid
    assert "sha3_256" in verdict.signature_digests
    pdf = other_key(
        prepared,
        town,
        key,
        digest=SHA256,
        digest_name="sha256",
        algorithm=der.sequence(der.oid("0.4.0.127.0.7.1.1.4.1.3")),
        sign=plain,
    )
    assert read_one(engine, pdf).crypto_valid


def test_edwards_keys_hold_with_the_digest_that_belongs_to_them(engine, town, prepared):
    """RFC 8419: Ed25519 with SHA-512, Ed448 with SHAKE256 and no other."""
    sha512, shake = der.sequence(der.oid(f"{NIST}.2.3")), der.sequence(der.oid(f"{NIST}.2.12"))
    small, large = ed25519.Ed25519PrivateKey.generate(), ed448.Ed448PrivateKey.generate()
    cases = (
        (small, "1.3.101.112", sha512, "sha512", True),
        (large, "1.3.101.113", sha512, "sha512", False),
    )
    for key, algorithm, digest, digest_name, holds in cases:
        pdf = other_key(
            prepared,
            town,
            key,
            digest=digest,
            digest_name=digest_name,
            algorithm=der.sequence(der.oid(algorithm)),
            sign=key.sign,
        )
        assert read_one(engine, pdf).crypto_valid is holds
    named = der.sequence(
        der.oid("1.2.840.113549.1.9.4"),
        der.set_of(der.octet_string(hashlib.shake_256(prepared.covered).digest(64))),
    )
    other = signed_by(prepared, town, large)
    given = attributes(other, without=["message digest"], more=[named])
    cms = signature(other, given, digest=shake, algorithm=der.sequence(der.oid("1.3.101.113")), sign=large.sign)
    assert read_one(engine, other.with_contents(cms)).crypto_valid


def test_a_modulus_that_was_encoded_as_negative_is_read_as_meant(engine, town, prepared):
    """Old Estonian certificates; OpenSSL refuses such a key."""
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    modulus = numbers.n.to_bytes(256, "big")
    assert modulus[0] & 0x80
    other = signed_by(prepared, town, key)
    good = other.signer.certificate.der
    old = der.sequence(der.integer(numbers.n), der.integer(numbers.e))
    new = der.sequence(der.tlv(der.INTEGER, modulus), der.integer(numbers.e))
    parts = list(der.whole(good).children())
    members = [
        der.sequence(next(m.children()).encoded, der.tlv(der.BIT_STRING, b"\0", new)) if old in m.encoded else m.encoded
        for m in parts[0].children()
    ]
    negative = der.sequence(der.sequence(*members), *(part.encoded for part in parts[1:]))
    cms = signature(
        other,
        attributes(other, without=["certificate"]),
        algorithm=der.sequence(der.oid("1.2.840.113549.1.1.11"), der.tlv(der.NULL)),
        sign=lambda octets: key.sign(octets, padding.PKCS1v15(), hashes.SHA256()),
        certificates=[negative],
    )
    verdict = read_one(engine, other.with_contents(cms))
    assert verdict.crypto_valid
    assert verdict.certificate == negative


def test_adobe_signatures_are_read(engine, town, pdfs):
    """adbe.pkcs7.detached, by pyHanko, with its signing-time attribute left to /M."""
    pdf = town.stranger_signs(pdfs.blank(), sub_filter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)
    verdict = read_one(engine, pdf)
    assert verdict.crypto_valid
    assert verdict.structure_valid
    assert verdict.covers_whole_document


def test_adobe_signatures_over_a_sha1_are_read(engine, town, pdfs):
    """adbe.pkcs7.sha1 encapsulates the digest of the document."""
    original = pdfs.blank()
    out = Prepared(engine, town, original)
    renamed = b"/adbe.pkcs7.sha1      "
    start = out._pdf.index(b"/ETSI.CAdES.detached")
    pdf = bytearray(out._pdf)
    pdf[start : start + 20] = renamed[:20]
    (part,) = pdf_signatures(bytes(pdf))

    def contents(covered: bytes) -> bytes:
        content = hashlib.sha1(covered).digest()
        out.covered = content
        whole = der.whole(signature(out, attributes(out)))
        plain, holding = der.sequence(DATA), der.sequence(DATA, der.explicit(0, der.octet_string(content)))
        kind, wrapped = whole.children()
        (body,) = wrapped.children()
        members = [holding if m.encoded == plain else m.encoded for m in body.children()]
        return der.sequence(kind.encoded, der.explicit(0, der.sequence(*members)))

    out._pdf = bytes(pdf)
    verdict = read_one(engine, out.with_contents(contents(part.covered)))
    assert verdict.crypto_valid
    assert DigestAlgorithm.SHA1 in verdict.signature_digests
    other = read_one(engine, out.with_contents(contents(b"another document")))
    assert other.failure is IntegrityFailure.DIGEST


def test_a_document_time_stamp_is_one_by_its_sub_filter(engine, town, pdfs):
    """Also where its Type says signature; its token covers the digest of the ranges."""
    pdf = town.time_stamped(pdfs.blank())
    verdict = read_one(engine, pdf)
    (part,) = pdf_signatures(pdf)
    assert verdict.kind is SignatureKind.DOCUMENT_TIME_STAMP
    assert verdict.crypto_valid
    assert verdict.certificate == town.tsa.der
    assert verdict.claimed_signing_time is None
    assert [(s.token, s.covered) for s in verdict.time_stamps] == [(part.cms, hashlib.sha256(part.covered).digest())]
    disguised = pdf.replace(b"/Type /DocTimeStamp", b"/Type /Sig          ", 1)
    assert disguised != pdf
    verdict = read_one(engine, disguised)
    assert verdict.kind is SignatureKind.DOCUMENT_TIME_STAMP
    assert verdict.failure is IntegrityFailure.DIGEST


def test_a_signature_is_no_document_time_stamp(engine, prepared):
    """A CMS signature under the time-stamp's SubFilter."""
    whole = prepared.with_contents(prepared.cms)
    pdf = whole.replace(b"/ETSI.CAdES.detached", b"/ETSI.RFC3161       ", 1)
    verdict = read_one(engine, pdf)
    assert (verdict.kind, verdict.failure) == (SignatureKind.DOCUMENT_TIME_STAMP, IntegrityFailure.FORMAT)


def test_the_security_store_is_evidence_for_every_signature(engine, town, pdfs, signed):
    """Certificates, OCSP responses and CRLs, beside what the CMS has; adding them changes nothing signed."""
    ocsp, crl = der.sequence(der.tlv(0x0A, b"\x06")), der.sequence(der.integer(5))
    pdf = pdfs.with_store(signed, certs=[town.root.der, town.tsa.der], ocsps=[ocsp], crls=[crl])
    verdict = read_one(engine, pdf)
    assert verdict.crypto_valid
    assert (verdict.covers_whole_document, verdict.modified_after_signing) == (False, False)
    assert verdict.other_certificates == (town.issuing.der, town.root.der, town.tsa.der)
    assert verdict.embedded_ocsp_responses == (ocsp,)
    assert verdict.embedded_crls == (crl,)


def test_evidence_inside_the_cms_is_handed_out(engine, prepared):
    """Adobe's revocation archive (signed), CAdES's revocation values (unsigned, bare) and CMS's own."""
    crl, ocsp = b"\x30\x03\x02\x01\x07", b"\x30\x03\x02\x01\x08"
    archive = der.sequence(der.explicit(0, der.sequence(crl)), der.explicit(1, der.sequence(ocsp)))
    adobe = der.sequence(der.oid("1.2.840.113583.1.1.8"), der.set_of(archive))
    cades = der.sequence(der.oid("1.2.840.113549.1.9.16.2.24"), der.set_of(archive))
    cms = signature(prepared, attributes(prepared, more=[adobe]), tail=der.explicit(1, cades))
    verdict = read_one(engine, prepared.with_contents(cms))
    assert verdict.crypto_valid
    assert verdict.embedded_crls == (crl,)
    assert verdict.embedded_ocsp_responses[0] == ocsp
    wrapped = verdict.embedded_ocsp_responses[1]
    assert der.octet_string(ocsp) in wrapped
    assert wrapped.startswith(der.whole(wrapped).encoded[:2] + der.tlv(0x0A, b"\0"))


def test_the_shortest_stream_positions_do_not_matter(engine, signed):
    """A stream that was read to its end is read again."""
    stream = BytesIO(signed)
    stream.read()
    assert len(engine.read(stream, None)) == 1


def test_more_signatures_than_are_read_are_refused(engine, pdfs):
    """Said as such, and not as a broken document."""
    objects = pdfs.page_objects()
    numbers = range(10, 75)
    objects[1] = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[%s]>>>>" % b" ".join(b"%d 0 R" % n for n in numbers)
    for number in numbers:
        objects[number] = b"<</FT/Sig/T(f%d)/V %d 0 R>>" % (number, 100 + number)
        objects[100 + number] = b"<</Type/Sig>>"
    with pytest.raises(UnreadableSignature, match="has more than 64 signatures"):
        engine.read(BytesIO(pdfs.raw(objects)), None)
    del objects[10]
    objects[1] = objects[1].replace(b"10 0 R ", b"", 1)
    verdicts = engine.read(BytesIO(pdfs.raw(objects)), None)
    assert [(v.crypto_valid, v.structure_valid) for v in verdicts] == [(False, False)] * 64
