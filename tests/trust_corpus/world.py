"""
The declared world of the trust corpus: authorities with keys made of their names, certificates with any dates, and
services on loopback that say what each authority says today.

Signatures are written by our engines, tokens, OCSP responses and CRLs by our issuing code, with the dates that a case
wants; long-term material is put in by lxml and pyHanko. So a file can be as old as it has to be.
"""

from __future__ import annotations

import hashlib
import threading
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import unquote

from asn1crypto import algos, cms, crl, ocsp, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from lxml import etree
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.dss import DocumentSecurityStore

from gateway.asn1.x509 import read_certificate
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import ContentDigest
from gateway.domain.signatures import SignatureValue
from gateway.formats.api import SignatureParameters
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.xades.engine import XadesEngine
from gateway.issuing.crls import CrlContent, Ended, certificate_list
from gateway.issuing.ocsp import OcspAnswers, read_questions, response
from gateway.timestamps.issuing import TokenIssuer

NOW = datetime.now(UTC).replace(microsecond=0)
"""EU DSS judges at the machine's time, so the world is laid around it."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CONTENT = b"what was signed"
DIGEST = hashlib.sha256(CONTENT).digest()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_LONG_AGO = NOW - 4000 * DAY
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
HOLD, KEY_COMPROMISE, SUPERSEDED, CESSATION = 6, 1, 4, 5


def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    """The same key for the same name, in every run."""
    return ec.derive_private_key(
        int.from_bytes(hashlib.sha512(name.encode()).digest(), "big") % (_ORDER - 1) + 1, ec.SECP256R1()
    )


class SoftKey:
    """A key as rooms open it."""

    algorithm = KeyAlgorithm.P256

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None

    def sign(self, data):
        return [self._value(one.octets) for one in data]

    def _value(self, octets: bytes) -> SignatureValue:
        r, s = decode_dss_signature(self._key.sign(octets, ec.ECDSA(hashes.SHA256())))
        return SignatureValue(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


@dataclass
class Holder:
    """A certificate with its key; an authority's also says what has ended, and what its services answer."""

    world: World
    name: str
    key: ec.EllipticCurvePrivateKey
    cert: x509.Certificate
    parent: Holder | None = None
    ended: list[Ended] = field(default_factory=list)
    silent: bool = False
    speaks: tuple[str, ...] = ("ocsp", "crl")

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(Encoding.DER)

    @property
    def slug(self) -> str:
        return self.name.lower().replace(" ", "-")

    @property
    def above(self) -> list[Holder]:
        """Its issuers up to the last one below the root."""
        return [] if self.parent is None or self.parent.parent is None else [self.parent, *self.parent.above]

    def end(self, holder: Holder, moment: datetime, reason: int = SUPERSEDED) -> None:
        self.ended.append(Ended(holder.cert.serial_number, moment, reason))

    def crl(self, moment: datetime, until: datetime | None = None, *, since: datetime = _LONG_AGO) -> bytes:
        """What its list said at *moment*."""
        content = CrlContent(
            issuer=self.cert.subject,
            public_key=SoftKey(self.key).public_key,
            number=int(moment.timestamp()),
            this_update=moment,
            next_update=until or moment + DAY,
            ended=[one for one in self.ended if one.revoked <= moment],
            complete_since=since,
        )
        return certificate_list(content, SoftKey(self.key))

    def ocsp(
        self, about: Holder, moment: datetime, until: datetime | None = None, *, responder: Holder | None = None
    ) -> bytes:
        """What it, or a *responder* in its name, answered about *about* at *moment*."""
        asked = x509.ocsp.OCSPRequestBuilder().add_certificate(about.cert, self.cert, hashes.SHA1()).build()
        return self.answer(asked.public_bytes(Encoding.DER), moment, until, responder=responder)

    def answer(
        self, request: bytes, moment: datetime, until: datetime | None = None, *, responder: Holder | None = None
    ) -> bytes:
        questions = read_questions(request)
        signer = responder or self
        known = {one.serial: one for one in self.ended if one.revoked <= moment}
        serials = [ocsp.CertId.load(question.encoded)["serial_number"].native for question in questions.questions]
        content = OcspAnswers(
            answers=[(q, known.get(s)) for q, s in zip(questions.questions, serials, strict=True)],
            nonce=questions.nonce,
            responder=signer.der,
            produced=moment,
            next_update=until or moment + HOUR,
            complete_since=_LONG_AGO,
        )
        return response(content, SoftKey(signer.key))


class World:
    """Every case founds authorities of its own below one root, so that nothing it does is felt by another."""

    def __init__(self) -> None:
        self.authorities: dict[str, Holder] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.world = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.root = self.found("Corpus root")
        self.unknown_root = self.found("Unknown root")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def found(self, name: str, parent: Holder | None = None, **more) -> Holder:
        """An authority below *parent*, or a root."""
        given = {"start": NOW - 3000 * DAY, "end": NOW + 3000 * DAY, **more}
        usage = given.pop("usage", ("key_cert_sign", "crl_sign", "digital_signature"))
        holder = self.issue(name, parent, ca=True, usage=usage, **given)
        self.authorities[holder.slug] = holder
        return holder

    def issue(
        self,
        name: str,
        parent: Holder | None,
        *,
        start: datetime = NOW - 400 * DAY,
        end: datetime = NOW + 400 * DAY,
        ca: bool = False,
        usage: tuple[str, ...] = ("content_commitment",),
        purposes: tuple[x509.ObjectIdentifier, ...] = (),
        extras: tuple[x509.ExtensionType, ...] = (),
        pointers: bool = True,
    ) -> Holder:
        key, subject = key_of(name), _name(name)
        issuer = parent.cert.subject if parent else subject
        issuer_key = parent.key if parent else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(int.from_bytes(hashlib.sha256(name.encode()).digest()[:15], "big") + 1)
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(_usage(*usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if purposes:
            stamping = ExtendedKeyUsageOID.TIME_STAMPING in purposes
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=stamping)
        if parent is not None and pointers:
            builder = builder.add_extension(self._access(parent), critical=False).add_extension(
                x509.CRLDistributionPoints([x509.DistributionPoint([self._url(parent, "crl")], None, None, None)]),
                critical=False,
            )
        for extension in extras:
            builder = builder.add_extension(extension, critical=False)
        return Holder(self, name, key, builder.sign(issuer_key, hashes.SHA256()), parent)

    def _url(self, authority: Holder, kind: str) -> x509.UniformResourceIdentifier:
        return x509.UniformResourceIdentifier(f"http://127.0.0.1:{self.port}/{authority.slug}/{kind}")

    def _access(self, authority: Holder) -> x509.AuthorityInformationAccess:
        return x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, self._url(authority, "ocsp"))]
        )

    def stamper(self, name: str, parent: Holder, **more) -> Holder:
        """A time-stamping authority."""
        given = {"usage": ("digital_signature",), "purposes": (ExtendedKeyUsageOID.TIME_STAMPING,), **more}
        return self.issue(name, parent, **given)

    def responder(self, name: str, parent: Holder, **more) -> Holder:
        """An OCSP responder without a status of its own."""
        given = {
            "usage": ("digital_signature",),
            "purposes": (ExtendedKeyUsageOID.OCSP_SIGNING,),
            "extras": (x509.OCSPNoCheck(),),
            **more,
        }
        return self.issue(name, parent, pointers=False, **given)


# ------------------------------------------------------------------ signing


def token(tsa: Holder, imprint: bytes, moment: datetime) -> bytes:
    """A token (DER) for *moment*, whatever the clock says."""
    issuer = TokenIssuer(tsa.der, tuple(h.der for h in tsa.above), lambda: SoftKey(tsa.key), "1.2.3.4")
    request = tsp.TimeStampReq(
        {
            "version": 1,
            "message_imprint": {
                "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
                "hashed_message": imprint,
            },
            "cert_req": True,
        }
    )
    return tsp.TimeStampResp.load(issuer.respond(request.dump(), moment))["time_stamp_token"].dump()


def sign(
    engine,
    content,
    signer: Holder,
    moment: datetime,
    *,
    tsa: Holder | None = None,
    stamped: datetime | None = None,
    wrong_imprint: bool = False,
    chain: bool = True,
) -> bytes:
    """A signature of *signer* claimed for *moment*, time-stamped by *tsa* at *stamped* (a minute later)."""
    certificate = read_certificate(signer.der, tuple(h.der for h in signer.above) if chain else ())
    identifier = hashlib.sha256(signer.name.encode()).hexdigest()[:32]
    prepared = engine.prepare(content, SignatureParameters(certificate, moment, identifier))
    (value,) = SoftKey(signer.key).sign([prepared.data])
    made = None
    if tsa is not None:
        imprint = engine.imprint(prepared, value)
        made = token(tsa, bytes(32) if wrong_imprint else imprint, stamped or moment + MINUTE)
    out = BytesIO()
    engine.complete(content, prepared, value, made, out)
    return out.getvalue()


@cache
def engine(form: str):
    """One for all files: it looks into PDFs in a child process that takes its time to start."""
    return XadesEngine() if form == "xades" else PadesEngine()


def xades(signer: Holder, moment: datetime, **more) -> bytes:
    return sign(engine("xades"), ContentDigest.of(DIGEST), signer, moment, **more)


def pades(signer: Holder, moment: datetime, **more) -> bytes:
    return sign(engine("pades"), BytesIO(blank_pdf()), signer, moment, **more)


def blank_pdf() -> bytes:
    writer = PdfFileWriter()
    stream = writer.add_object(StreamObject(stream_data=b"q Q\n"))
    writer.insert_page(PageObject(contents=stream, media_box=(0, 0, 300, 300)))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_values_xades(data: bytes, certificates=(), crls=(), responses=()) -> bytes:
    """*data* with CertificateValues and RevocationValues (EN 319 132-1 § 5.4), appended and nothing else."""

    def every(tag: str, items) -> str:
        return "".join(f"<x:{tag}>{b64encode(one).decode()}</x:{tag}>" for one in items)

    added = f'<x:CertificateValues xmlns:x="{_XADES}">{every("EncapsulatedX509Certificate", certificates)}'
    added += f'</x:CertificateValues><x:RevocationValues xmlns:x="{_XADES}">'
    if crls:
        added += f"<x:CRLValues>{every('EncapsulatedCRLValue', crls)}</x:CRLValues>"
    if responses:
        added += f"<x:OCSPValues>{every('EncapsulatedOCSPValue', responses)}</x:OCSPValues>"
    added += "</x:RevocationValues>"
    root = etree.fromstring(data)
    (place,) = root.iter(f"{{{_XADES}}}UnsignedSignatureProperties")
    text = etree.tostring(place).decode()
    closing = text[text.rindex("</") :].strip().encode()
    end = data.rindex(closing)
    return data[:end] + added.encode() + data[end:]


def with_values_pades(data: bytes, certificates=(), crls=(), responses=()) -> bytes:
    """*data* with a document security store (EN 319 142-1 § 5.4.2) in a revision of its own."""
    out = BytesIO(data)
    DocumentSecurityStore.add_dss(
        out,
        sig_contents=None,
        certs=[asn1.Certificate.load(one) for one in certificates],
        ocsps=[ocsp.OCSPResponse.load(one) for one in responses],
        crls=[crl.CertificateList.load(one) for one in crls],
    )
    return out.getvalue()


def with_document_time_stamp(data: bytes, tsa: Holder, moment: datetime) -> bytes:
    """*data* with a document time-stamp for *moment* in a revision of its own."""
    out = PdfTimeStamper(_Stamper(tsa, moment)).timestamp_pdf(
        IncrementalPdfFileWriter(BytesIO(data)), "sha256", bytes_reserved=16384
    )
    return out.getvalue()


class _Stamper(TimeStamper):
    """Tokens for a fixed moment."""

    def __init__(self, tsa: Holder, moment: datetime) -> None:
        super().__init__()
        self._tsa, self._moment = tsa, moment

    async def async_timestamp(self, message_digest, md_algorithm):
        return cms.ContentInfo.load(token(self._tsa, message_digest, self._moment))


def revisions(data: bytes) -> int:
    """How many revisions a PDF has."""
    return PdfFileReader(BytesIO(data)).xrefs.total_revisions


class _Handler(BaseHTTPRequestHandler):
    """``/authority/crl``, and OCSP by POST and by GET (RFC 6960 appendix A.1)."""

    wbufsize = -1  # an answer in one piece: in two it waits for the other side's acknowledgement

    def do_GET(self):
        self._answer(b"")

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        _, slug, kind, *rest = self.path.split("/", 3)
        authority = self.server.world.authorities.get(slug)
        if authority is None or authority.silent or kind not in authority.speaks:
            self.send_error(404)
            return
        now = datetime.now(UTC).replace(microsecond=0)
        answer = authority.answer(body or b64decode(unquote(rest[0])), now) if kind == "ocsp" else authority.crl(now)
        media = {"ocsp": "application/ocsp-response", "crl": "application/pkix-crl"}[kind]
        self.send_response(200)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "MD"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _usage(*bits: str) -> x509.KeyUsage:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in bits for name in names})
