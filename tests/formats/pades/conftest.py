"""A small PKI, people with keys of every kind, PDFs in several layouts, and one engine for all tests."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import StreamObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from gateway.asn1.x509 import read_certificate
from gateway.domain.signatures import SignatureValue
from gateway.formats.api import SignatureParameters
from gateway.formats.pades.engine import PadesEngine

NOW = datetime.now(UTC).replace(microsecond=0)
KINDS = ["rsa-2048", "rsa-3072", "p-256", "p-384", "p-521"]
_CURVES = {"p-256": ec.SECP256R1(), "p-384": ec.SECP384R1(), "p-521": ec.SECP521R1()}
_HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def new_key(kind: str) -> Any:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[4:]))
    return ec.generate_private_key(_CURVES[kind])


def name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "MD"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


@dataclass
class Holder:
    """A certificate with its key."""

    cert: x509.Certificate
    key: Any

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)

    @property
    def asn1_key(self) -> asn1_keys.PrivateKeyInfo:
        return asn1_keys.PrivateKeyInfo.load(
            self.key.private_bytes(
                serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def issue(self, common_name: str, key: Any, *, ca: bool = False, tsa: bool = False) -> Holder:
        return Holder(certified(common_name, key, self.cert.subject, self.key, ca=ca, tsa=tsa), key)


def certified(common_name, key, issuer, issuer_key, *, ca=False, tsa=False) -> x509.Certificate:
    public = key.public_key()
    usage = dict.fromkeys(
        ["key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=tsa, content_commitment=not (ca or tsa), key_cert_sign=ca, crl_sign=ca, **usage
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if tsa:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


class Town:
    """Root, issuing authority, time-stamping authority, and a person for each kind of key."""

    def __init__(self) -> None:
        key = new_key("p-256")
        self.root = Holder(certified("Root", key, name("Root"), key, ca=True), key)
        self.issuing = self.root.issue("Issuing", new_key("p-256"), ca=True)
        self.tsa = self.root.issue("Stamping", new_key("rsa-2048"), tsa=True)  # pyHanko stamps with RSA alone
        self._people: dict[str, Signer] = {}

    def signer(self, kind: str = "p-256") -> Signer:
        if kind not in self._people:
            self._people[kind] = Signer(self, self.issuing.issue(f"Signer {kind}", new_key(kind)))
        return self._people[kind]

    @property
    def anchors(self) -> list[bytes]:
        return [self.root.pem]

    @property
    def intermediates(self) -> list[bytes]:
        return [self.issuing.pem]

    def stamper(self) -> DummyTimeStamper:
        return DummyTimeStamper(self.tsa.asn1, self.tsa.asn1_key, SimpleCertificateStore())

    def token_of(self, imprint: bytes) -> bytes:
        stamper = self.stamper()
        _, request = stamper.request_cms(imprint, "sha256")
        return stamper.request_tsa_response(request)["time_stamp_token"].dump()

    def stranger_signs(
        self, pdf: bytes, field: str = "Stranger", *, sub_filter=SigSeedSubFilter.PADES, **more
    ) -> bytes:
        """pyHanko's own signature, by its own CMS; *more* goes into its metadata."""
        person = self.signer("p-256").holder
        signer = signers.SimpleSigner(
            person.asn1, person.asn1_key, SimpleCertificateStore.from_certs([self.issuing.asn1])
        )
        new_field = more.pop("new_field_spec", None)
        metadata = signers.PdfSignatureMetadata(field_name=field, md_algorithm="sha256", subfilter=sub_filter, **more)
        out = signers.PdfSigner(metadata, signer, new_field_spec=new_field).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf), strict=False)
        )
        return out.getvalue()

    def time_stamped(self, pdf: bytes) -> bytes:
        """*pdf* with a document time-stamp."""
        writer = IncrementalPdfFileWriter(BytesIO(pdf))
        return signers.PdfTimeStamper(self.stamper()).timestamp_pdf(writer, "sha256").getvalue()


class Signer:
    """A person who signs what an engine prepared."""

    def __init__(self, town: Town, holder: Holder) -> None:
        self.town = town
        self.holder = holder
        self.certificate = read_certificate(holder.der, (town.issuing.der,))

    def value(self, data) -> SignatureValue:
        algorithm = _HASHES[data.algorithm.value]
        if isinstance(self.holder.key, rsa.RSAPrivateKey):
            return SignatureValue(self.holder.key.sign(data.octets, padding.PKCS1v15(), algorithm))
        size = (self.holder.key.curve.key_size + 7) // 8
        parts = decode_dss_signature(self.holder.key.sign(data.octets, ec.ECDSA(algorithm)))
        return SignatureValue(b"".join(part.to_bytes(size, "big") for part in parts))

    def parameters(self, reason: str | None = None) -> SignatureParameters:
        return SignatureParameters(self.certificate, NOW, secrets.token_hex(16), reason)

    def sign(self, engine, content, *, reason=None, stamped=True) -> bytes:
        """The whole way; *content* as octets or a stream."""
        stream = BytesIO(content) if isinstance(content, bytes) else content
        prepared = engine.prepare(stream, self.parameters(reason))
        value = self.value(prepared.data)
        token = self.town.token_of(engine.imprint(prepared, value)) if stamped else None
        out = BytesIO()
        engine.complete(stream, prepared, value, token, out)
        return out.getvalue()


def blank_pdf(*, object_streams: bool = False, padding: int = 0) -> bytes:
    writer = PdfFileWriter(stream_xrefs=object_streams)
    stream = StreamObject(stream_data=b"q Q\n" + b" " * padding)
    writer.insert_page(PageObject(contents=writer.add_object(stream), media_box=(0, 0, 300, 300)))
    if object_streams:
        writer.root["/Lang"] = generic.pdf_string("ro")
        held = writer.prepare_object_stream()
        writer.root["/Held"] = writer.add_object(generic.DictionaryObject(), obj_stream=held)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def form_pdf(*, value: str | None = None) -> bytes:
    """A text field with a visible widget, and a link annotation, on one page."""
    writer = PdfFileWriter(stream_xrefs=False)
    page = writer.insert_page(
        PageObject(contents=writer.add_object(StreamObject(stream_data=b"q Q\n")), media_box=(0, 0, 300, 300))
    )
    field = generic.DictionaryObject(
        {
            pdf_name("/FT"): pdf_name("/Tx"),
            pdf_name("/T"): generic.pdf_string("amount"),
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Widget"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (10, 10, 90, 30))),
            pdf_name("/P"): page,
        }
    )
    if value is not None:
        field["/V"] = generic.pdf_string(value)
    link = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Link"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (100, 10, 190, 30))),
        }
    )
    reference = writer.add_object(field)
    page.get_object()["/Annots"] = generic.ArrayObject([reference, writer.add_object(link)])
    writer.root["/AcroForm"] = writer.add_object(
        generic.DictionaryObject({pdf_name("/Fields"): generic.ArrayObject([reference])})
    )
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def filled_in(pdf: bytes, value: str) -> bytes:
    """*pdf* of ``form_pdf`` with its text field filled in by a later revision."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    field = writer.root["/AcroForm"]["/Fields"][0]
    field["/V"] = generic.pdf_string(value)
    writer.update_container(field)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_another_page(pdf: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    writer.insert_page(
        PageObject(contents=writer.add_object(StreamObject(stream_data=b"q Q\n")), media_box=(0, 0, 9, 9))
    )
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_store(pdf: bytes, *, certs=(), ocsps=(), crls=(), vri: bytes | None = None) -> bytes:
    """*pdf* with a document security store in a later revision; *vri*: the key of an entry that lists it again."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    kinds = {"/Certs": certs, "/OCSPs": ocsps, "/CRLs": crls}
    store = generic.DictionaryObject(
        {
            pdf_name(key): writer.add_object(
                generic.ArrayObject([writer.add_object(StreamObject(stream_data=item)) for item in items])
            )
            for key, items in kinds.items()
        }
    )
    if vri is not None:
        entry = generic.DictionaryObject({pdf_name("/Cert"): store.raw_get("/Certs")})
        entries = generic.DictionaryObject({pdf_name("/" + vri.hex().upper()): writer.add_object(entry)})
        store["/VRI"] = writer.add_object(entries)
    writer.root["/DSS"] = writer.add_object(store)
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def raw_pdf(objects: dict[int, bytes], *, trailer: bytes = b"", size: int | None = None) -> bytes:
    """Objects by number, byte for byte, with a plain cross-reference table; object 1 is the catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = {}
    for number, body in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    place = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, offset in sorted(offsets.items()):
        out += b"%d 1\n%010d 00000 n \n" % (number, offset)
    size = max(objects) + 1 if size is None else size
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (size, trailer, place)
    return bytes(out)


def page_objects() -> dict[int, bytes]:
    return {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Resources<<>>>>",
    }


def hybrid_pdf() -> bytes:
    """A page whose document outline stands in an object stream that only readers of PDF 1.5 find."""
    out = bytearray(b"%PDF-1.5\n")
    offsets = {}
    bodies = page_objects()
    bodies[1] = b"<</Type/Catalog/Pages 2 0 R/Outlines 5 0 R>>"
    held = b"<</Type/Outlines/Count 0>>"
    bodies[4] = b"<</Type/ObjStm/N 1/First 4/Length %d>>\nstream\n5 0 %s\nendstream" % (4 + len(held), held)
    for number, body in bodies.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    hidden = len(out)
    rows = b"\x02\x00\x00\x00\x04\x00" + b"\x01" + hidden.to_bytes(4, "big") + b"\x00"
    out += b"6 0 obj\n<</Type/XRef/Size 7/W[1 4 1]/Index[5 2]/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        len(rows),
        rows,
    )
    place = len(out)
    out += b"xref\n0 7\n0000000000 65535 f \n"
    out += b"".join(b"%010d 00000 n \n" % offsets[number] for number in (1, 2, 3, 4))
    out += b"0000000000 00000 f \n" * 2
    out += b"trailer\n<</Size 7/Root 1 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n" % (hidden, place)
    return bytes(out)


@pytest.fixture(scope="session")
def town():
    return Town()


@pytest.fixture(scope="session")
def pdfs():
    """Ways to make and change documents."""
    return SimpleNamespace(
        blank=blank_pdf,
        form=form_pdf,
        filled_in=filled_in,
        with_another_page=with_another_page,
        with_store=with_store,
        raw=raw_pdf,
        page_objects=page_objects,
        hybrid=hybrid_pdf,
    )


@pytest.fixture(scope="session")
def engine():
    """The engine as it is built without arguments, so that its processes are started once."""
    return PadesEngine()


@pytest.fixture(scope="session")
def hasty():
    """An engine that gives up on a document after a second or 256 MiB."""
    return PadesEngine(seconds=1.0, memory_bytes=256 << 20, processes=1)


@pytest.fixture(scope="session")
def signed(engine, town):
    """A blank page, signed and time-stamped by us."""
    return town.signer().sign(engine, blank_pdf())


@pytest.fixture(scope="session")
def needs():
    def check(*programs: str) -> None:
        packages = {"pdfsig": "poppler-utils", "openssl": "openssl"}
        for program in programs:
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed: apt-get install {packages[program]}")

    return check


@pytest.fixture(scope="session")
def sha256():
    return lambda data: hashlib.sha256(data).digest()
