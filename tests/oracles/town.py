"""
A throw-away town of authorities, apart from our own ``sandbox``: the oracles are tried on it before our code is.

A root issues two authorities; one issues signers, the other the time-stamping authority. OCSP responses, CRLs and
issuers are served on loopback by the ``town`` fixture. Signatures are pyHanko's for PDF; for XAdES a few lines of
lxml write one plain detached signature, whose sole purpose is to be judged.
"""

from __future__ import annotations

import hashlib
import threading
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from lxml import etree
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
DIGESTS = {
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}


class Authority:
    """A certification authority with its key; *crl* and *ocsp* are made when asked."""

    def __init__(self, name: str, issuer: Authority | None, port: int) -> None:
        self.slug = name.lower().replace(" ", "-")
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        self.port = port
        self.revoked: dict[int, datetime] = {}
        self.issuer = issuer or self
        usage = _usage(key_cert_sign=True, crl_sign=True, digital_signature=True)
        self.certificate = self.issuer.issue(self.name, self.key.public_key(), usage, days=3650, ca=True)

    def issue(self, name, public_key, usage, *, days=365, ca=False, tsa=False):
        now = datetime.now(UTC)
        issuer_key = self.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        )
        if tsa:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        if name != self.name:
            builder = builder.add_extension(self._pointers(), critical=False).add_extension(
                x509.CRLDistributionPoints([x509.DistributionPoint([self._url("crl")], None, None, None)]),
                critical=False,
            )
        return builder.sign(self.key, hashes.SHA256())

    def _url(self, kind):
        return x509.UniformResourceIdentifier(f"http://127.0.0.1:{self.port}/{self.slug}/{kind}")

    def _pointers(self):
        return x509.AuthorityInformationAccess(
            [
                x509.AccessDescription(AuthorityInformationAccessOID.OCSP, self._url("ocsp")),
                x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, self._url("issuer")),
            ]
        )

    def crl(self) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(now - timedelta(seconds=1))
            .next_update(now + timedelta(hours=1))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        for serial, moment in self.revoked.items():
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(moment).build()
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def ocsp(self, request: bytes) -> bytes:
        asked = ocsp.load_der_ocsp_request(request)
        now = datetime.now(UTC).replace(microsecond=0)
        moment = self.revoked.get(asked.serial_number)
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            asked.issuer_name_hash,
            asked.issuer_key_hash,
            asked.serial_number,
            asked.hash_algorithm,
            ocsp.OCSPCertStatus.GOOD if moment is None else ocsp.OCSPCertStatus.REVOKED,
            now,
            now + timedelta(hours=1),
            moment,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate)
        for extension in asked.extensions:
            if isinstance(extension.value, x509.OCSPNonce):
                builder = builder.add_extension(extension.value, critical=False)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Town:
    """Root, two authorities, one signer, one time-stamping authority, and their services on loopback."""

    def __init__(self, folder: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.town = self
        port = self._server.server_address[1]
        self.root = Authority("Oracle root", None, port)
        self.issuing = Authority("Oracle issuing", self.root, port)
        self.stamping = Authority("Oracle stamping", self.root, port)
        self.authorities = {a.slug: a for a in (self.root, self.issuing, self.stamping)}
        self.signer_key, self.signer = self.person("Ana Oracle")
        self.tsa_key = rsa.generate_private_key(65537, 3072)  # pyHanko stamps with RSA alone
        self.tsa = self.stamping.issue(
            _name("Oracle TSA"), self.tsa_key.public_key(), _usage(digital_signature=True), tsa=True
        )
        self.anchors_folder = folder / "anchors"
        self.anchors_folder.mkdir()
        (self.anchors_folder / "root.pem").write_bytes(_pem(self.root.certificate))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def anchors(self) -> list[bytes]:
        return [_pem(self.root.certificate)]

    @property
    def intermediates(self) -> list[bytes]:
        return [_pem(self.issuing.certificate), _pem(self.stamping.certificate)]

    def person(self, name: str):
        key = ec.generate_private_key(ec.SECP256R1())
        return key, self.certificate_for(name, key.public_key())

    def certificate_for(self, name: str, public_key) -> x509.Certificate:
        """A signer's certificate for a key of any kind."""
        return self.issuing.issue(_name(name), public_key, _usage(content_commitment=True))

    def revoke(self, certificate: x509.Certificate, moment: datetime) -> None:
        self.issuing.revoked[certificate.serial_number] = moment

    def stamper(self) -> DummyTimeStamper:
        return DummyTimeStamper(
            _asn1(self.tsa),
            _asn1_key(self.tsa_key),
            SimpleCertificateStore.from_certs([_asn1(self.stamping.certificate)]),
        )

    def token(self, data: bytes) -> bytes:
        """A time-stamp token (DER) over *data*."""
        return self.token_of(hashlib.sha256(data).digest())

    def token_of(self, imprint: bytes) -> bytes:
        """A time-stamp token (DER) for an SHA-256 *imprint*."""
        stamper = self.stamper()
        _nonce, request = stamper.request_cms(imprint, "sha256")
        return stamper.request_tsa_response(request)["time_stamp_token"].dump()

    def signed_pdf(self, pdf: bytes | None = None, field: str = "Signature1", *, stamped: bool = True) -> bytes:
        """*pdf* (a blank page when None) with pyHanko's PAdES signature appended."""
        signer = signers.SimpleSigner(
            _asn1(self.signer),
            _asn1_key(self.signer_key),
            SimpleCertificateStore.from_certs([_asn1(self.issuing.certificate)]),
        )
        metadata = signers.PdfSignatureMetadata(
            field_name=field, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, app_build_props=None
        )
        out = signers.PdfSigner(metadata, signer, timestamper=self.stamper() if stamped else None).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf or blank_pdf()))
        )
        return out.getvalue()

    def signed_xades(self, digest: bytes, algorithm: str = "sha256", *, signer=None, stamped=True, chain=True) -> bytes:
        """A plain detached XAdES over *digest*; *chain*: with the issuer's certificate beside the signer's."""
        key, certificate = signer or (self.signer_key, self.signer)
        der = certificate.public_bytes(serialization.Encoding.DER)
        issuer = self.issuing.certificate.public_bytes(serialization.Encoding.DER)
        root = etree.fromstring(
            _XADES.format(
                method=DIGESTS[algorithm],
                digest=_b64(digest),
                certificate=_b64(der),
                issuer=f"<ds:X509Certificate>{_b64(issuer)}</ds:X509Certificate>" if chain else "",
                certificate_digest=_b64(hashlib.sha256(der).digest()),
                time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
        )
        names = {"ds": DS, "xades": XADES}
        (properties,) = root.iterfind(".//xades:SignedProperties", names)
        root.findall("ds:SignedInfo/ds:Reference/ds:DigestValue", names)[1].text = _b64(
            hashlib.sha256(_canonical(properties)).digest()
        )
        value = root.find("ds:SignatureValue", names)
        signature = key.sign(_canonical(root.find("ds:SignedInfo", names)), ec.ECDSA(hashes.SHA256()))
        value.text = _b64(b"".join(part.to_bytes(32, "big") for part in decode_dss_signature(signature)))
        if stamped:
            token = root.find(".//xades:EncapsulatedTimeStamp", names)
            token.text = _b64(self.token(_canonical(value)))
        else:
            unsigned = root.find(".//xades:UnsignedProperties", names)
            unsigned.getparent().remove(unsigned)
        return etree.tostring(root)


def blank_pdf(*, object_streams: bool = False, padding: int = 0) -> bytes:
    """One empty page with *padding* bytes of blanks; with *object_streams* in the compressed layout of PDF 1.5."""
    writer = PdfFileWriter(stream_xrefs=object_streams)
    stream = writer.add_object(StreamObject(stream_data=b"q Q\n" + b" " * padding))
    writer.insert_page(PageObject(contents=stream, media_box=(0, 0, 300, 300)))
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def with_another_page(pdf: bytes) -> bytes:
    """*pdf* with a page added in a later revision."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    writer.insert_page(
        PageObject(contents=writer.add_object(StreamObject(stream_data=b"q Q\n")), media_box=(0, 0, 9, 9))
    )
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def spoiled_in_contents(pdf: bytes, part: bytes) -> bytes:
    """*pdf* with the last bit of *part* turned over, where *part* stands in the hexadecimal Contents."""
    text = part.hex().encode()
    lowered = pdf.lower()
    assert lowered.count(text) == 1
    end = lowered.index(text) + len(text)
    last = b"%x" % (part[-1] & 0xF ^ 1)
    return pdf[: end - 1] + last + pdf[end:]


def spoiled_in_element(xades: bytes, name: str) -> bytes:
    """*xades* with the last bit turned over of what the only element *name* holds in base64."""
    root = etree.fromstring(xades)
    (element,) = root.iter(f"{{*}}{name}")
    data = b64decode(element.text)
    old, new = (_b64(d).encode() for d in (data, data[:-1] + bytes([data[-1] ^ 1])))
    assert xades.count(old) == 1
    return xades.replace(old, new)


class _Handler(BaseHTTPRequestHandler):
    """``/authority/crl``, ``/authority/issuer``, and OCSP by POST and by GET (RFC 6960 appendix A.1)."""

    def do_GET(self):
        self._answer(b"")

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        _, slug, kind, *rest = self.path.split("/", 3)
        authority = self.server.town.authorities[slug]
        if kind == "ocsp":
            answer = authority.ocsp(body or b64decode(unquote(rest[0])))
        elif kind == "crl":
            answer = authority.crl()
        else:
            answer = authority.certificate.public_bytes(serialization.Encoding.DER)
        media = {"ocsp": "application/ocsp-response", "crl": "application/pkix-crl"}.get(kind, "application/pkix-cert")
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


def _usage(**set_bits: bool) -> x509.KeyUsage:
    names = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{name: set_bits.get(name, False) for name in names})


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _asn1_key(key: ec.EllipticCurvePrivateKey) -> asn1_keys.PrivateKeyInfo:
    return asn1_keys.PrivateKeyInfo.load(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _b64(data: bytes) -> str:
    return b64encode(data).decode()


def _canonical(element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_tail=False)


_XADES = (
    f'<ds:Signature xmlns:ds="{DS}" Id="s"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
    '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>'
    '<ds:Reference Id="r" URI="content"><ds:DigestMethod Algorithm="{method}"/><ds:DigestValue>{digest}</ds:DigestValue>'
    '</ds:Reference><ds:Reference Type="http://uri.etsi.org/01903#SignedProperties" URI="#p"><ds:Transforms>'
    f'<ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms><ds:DigestMethod Algorithm="{DIGESTS["sha256"]}"/>'
    '<ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue Id="v"/><ds:KeyInfo><ds:X509Data>'
    "<ds:X509Certificate>{certificate}</ds:X509Certificate>{issuer}"
    f'</ds:X509Data></ds:KeyInfo><ds:Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#s">'
    '<xades:SignedProperties Id="p"><xades:SignedSignatureProperties><xades:SigningTime>{time}</xades:SigningTime>'
    f'<xades:SigningCertificateV2><xades:Cert><xades:CertDigest><ds:DigestMethod Algorithm="{DIGESTS["sha256"]}"/>'
    "<ds:DigestValue>{certificate_digest}</ds:DigestValue></xades:CertDigest></xades:Cert></xades:SigningCertificateV2>"
    "</xades:SignedSignatureProperties><xades:SignedDataObjectProperties><xades:DataObjectFormat ObjectReference='#r'>"
    "<xades:MimeType>application/octet-stream</xades:MimeType></xades:DataObjectFormat>"
    "</xades:SignedDataObjectProperties></xades:SignedProperties><xades:UnsignedProperties>"
    "<xades:UnsignedSignatureProperties><xades:SignatureTimeStamp>"
    f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/><xades:EncapsulatedTimeStamp></xades:EncapsulatedTimeStamp>'
    "</xades:SignatureTimeStamp></xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    "</xades:QualifyingProperties></ds:Object></ds:Signature>"
)
