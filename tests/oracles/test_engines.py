"""What our engines write, judged by everybody we did not write: five verifiers at hand and EU DSS."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from io import BytesIO

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.asn1.x509 import read_certificate
from gateway.demo import verifiers
from gateway.demo.signed_parts import cms_time_stamps, pdf_signatures
from gateway.domain.contents import ContentDigest
from gateway.domain.signatures import SignatureValue
from gateway.formats.api import SignatureParameters
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.xades.engine import XadesEngine

pytestmark = [pytest.mark.oracle, pytest.mark.slow]

CONTENT = b"what was signed"
ALGORITHMS = ["sha1", "sha256", "sha384", "sha512"]
KEYS = ["p-256", "p-384", "rsa-3072"]
LAYOUTS = ["plain", "object streams", "co-signed", "after a stranger", "over a large page"]


class Signer:
    """A person of the stranger town with a key of one kind, who signs what an engine prepared."""

    def __init__(self, town, kind: str) -> None:
        self._town = town
        self._key = {
            "p-256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
        }[kind]()
        certificate = town.certificate_for(f"Signer {kind}", self._key.public_key())
        issuer = town.issuing.certificate.public_bytes(Encoding.DER)
        self.certificate = read_certificate(certificate.public_bytes(Encoding.DER), (issuer,))

    def _value(self, data) -> SignatureValue:
        algorithm = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}[data.algorithm.value]()
        if isinstance(self._key, rsa.RSAPrivateKey):
            return SignatureValue(self._key.sign(data.octets, padding.PKCS1v15(), algorithm))
        size = (self._key.curve.key_size + 7) // 8
        parts = decode_dss_signature(self._key.sign(data.octets, ec.ECDSA(algorithm)))
        return SignatureValue(b"".join(part.to_bytes(size, "big") for part in parts))

    def sign(self, engine, content, *, reason: str | None = None) -> bytes:
        """The whole way: prepare, sign, time-stamp, complete."""
        now = datetime.now(UTC).replace(microsecond=0)
        parameters = SignatureParameters(self.certificate, now, secrets.token_hex(16), reason)
        prepared = engine.prepare(content, parameters)
        value = self._value(prepared.data)
        token = self._town.token_of(engine.imprint(prepared, value))
        out = BytesIO()
        engine.complete(content, prepared, value, token, out)
        return out.getvalue()


@pytest.fixture(scope="module")
def signers(town):
    """One per kind of key."""
    return {kind: Signer(town, kind) for kind in KEYS}


@pytest.fixture(scope="module")
def xades(signers):
    """XAdES by (key, content digest's algorithm)."""
    engine = XadesEngine()
    return {
        (kind, algorithm): signer.sign(engine, ContentDigest.of(hashlib.new(algorithm, CONTENT).digest()))
        for kind, signer in signers.items()
        for algorithm in ALGORITHMS
    }


@pytest.fixture(scope="module")
def pdfs(signers, town, towns):
    """Signed PDFs by (key, layout)."""
    engine = PadesEngine()
    blank = towns.blank_pdf()
    made = {}
    for kind, signer in signers.items():
        for layout in LAYOUTS:
            document = {
                "plain": lambda: blank,
                "object streams": lambda: towns.blank_pdf(object_streams=True),
                # By somebody else: pdfsig trusts a certificate only once per file, whoever made the signatures.
                "co-signed": lambda kind=kind: Signer(town, kind).sign(engine, BytesIO(blank)),
                "after a stranger": lambda: town.signed_pdf(blank),
                "over a large page": lambda: towns.blank_pdf(padding=3_000_000),
            }[layout]()
            made[kind, layout] = signer.sign(engine, BytesIO(document), reason="Aprobat (ș, ț, я)")
            assert made[kind, layout].startswith(document)
    return made


@pytest.fixture(scope="module")
def dss_says(dss, town, xades, pdfs, tmp_path_factory):
    """All of it, and what was spoiled, judged by EU DSS in one JVM."""
    folder = tmp_path_factory.mktemp("ours")
    inputs = {}
    for number, ((kind, algorithm), data) in enumerate(xades.items()):
        path = folder / f"{number}.xml"
        path.write_bytes(data)
        inputs[kind, algorithm] = dss.DssInput(path, algorithm.upper(), hashlib.new(algorithm, CONTENT).digest())
    for number, (key, data) in enumerate(pdfs.items()):
        path = folder / f"{number}.pdf"
        path.write_bytes(data)
        inputs[key] = dss.DssInput(path)
    answers = dss.validate(list(inputs.values()), [town.anchors_folder], aia=True)
    return dict(zip(inputs, answers, strict=True))


def _accepts(answers) -> dict[str, bool]:
    return {answer.name: answer.accepted for answer in answers}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", KEYS)
def test_every_verifier_accepts_our_xades(needs, town, xades, kind, algorithm):
    """Signature, path and time-stamp, for every kind of key and content digest."""
    needs("xmlsec1", "openssl")
    answers = verifiers.xades_verdicts(xades[kind, algorithm], CONTENT, town.anchors, town.intermediates)
    assert _accepts(answers) == {"signxml": True, "xmlsec1": True, "openssl ts": True}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KEYS)
def test_every_verifier_accepts_our_pdf(needs, town, pdfs, kind, layout):
    """Signatures, paths, coverage and time-stamps; pdfsig asks OCSP as well."""
    needs("pdfsig", "certutil", "openssl")
    answers = verifiers.pdf_verdicts(pdfs[kind, layout], town.anchors, town.intermediates, online=True)
    assert _accepts(answers) == {"pyHanko": True, "pdfsig": True, "openssl cms": True}


def _passed_without_remark(signature, level: str) -> None:
    assert (signature.indication, signature.sub_indication) == ("TOTAL-PASSED", None)
    assert signature.level == level
    assert signature.errors == signature.warnings == signature.structure_errors == ()
    (stamp,) = signature.time_stamps
    assert (stamp.indication, stamp.errors, stamp.warnings) == ("PASSED", (), ())
    assert signature.best_signature_time == stamp.production_time


@pytest.mark.java
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", KEYS)
def test_dss_passes_our_xades_at_level_t(dss_says, kind, algorithm):
    """Given the digest alone; without an error, a warning, or a remark about structure."""
    _passed_without_remark(dss_says[kind, algorithm].signature, "XAdES-BASELINE-T")


@pytest.mark.java
@pytest.mark.parametrize("kind", KEYS)
def test_of_a_sha1_content_dss_blames_that_algorithm_alone(dss_says, kind):
    """The consumer chose it; the rest of the signature is faultless."""
    signature = dss_says[kind, "sha1"].signature
    assert (signature.indication, signature.sub_indication) == ("INDETERMINATE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE")
    assert signature.level == "XAdES-BASELINE-T"
    assert signature.intact
    assert [e for e in signature.errors if "long term availability" not in e] == [
        "ASCCM_AR_ANS_ANR: The algorithm SHA1 is no longer considered reliable for object reference!"
    ]
    assert [stamp.indication for stamp in signature.time_stamps] == ["PASSED"]


@pytest.mark.java
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KEYS)
def test_dss_passes_our_pdf_at_level_t(dss_says, kind, layout):
    """Every signature in it, ours and those that were there."""
    signatures = dss_says[kind, layout].signatures
    assert len(signatures) == (2 if layout in {"co-signed", "after a stranger"} else 1)
    for signature in signatures:
        _passed_without_remark(signature, "PAdES-BASELINE-T")


def test_a_changed_byte_of_our_xades_is_refused_by_those_that_look_at_it(needs, town, towns, xades):
    """The value by all; the time-stamp by its verifier."""
    needs("xmlsec1", "openssl")
    good = xades["p-256", "sha256"]
    for element in ("SignatureValue", "EncapsulatedTimeStamp"):
        spoiled = towns.spoiled_in_element(good, element)
        answers = verifiers.xades_verdicts(spoiled, CONTENT, town.anchors, town.intermediates)
        expected = {a.name: element == "EncapsulatedTimeStamp" and not a.looks_at_time_stamps for a in answers}
        assert _accepts(answers) == expected


def test_a_changed_byte_of_our_pdf_is_refused_by_those_that_look_at_it(needs, town, towns, pdfs):
    """The document and the value by all; the time-stamp by those that read it."""
    needs("pdfsig", "openssl")
    good = pdfs["p-256", "plain"]
    part = cms_time_stamps(pdf_signatures(good)[0].cms)[0]
    for spoiled in (good.replace(b"300", b"301", 1), towns.spoiled_in_contents(good, part.data)):
        assert spoiled != good
        assert not any(_accepts(verifiers.pdf_verdicts(spoiled, town.anchors, town.intermediates)).values())
    spoiled = towns.spoiled_in_contents(good, part.token)
    answers = verifiers.pdf_verdicts(spoiled, town.anchors, town.intermediates)
    assert _accepts(answers) == {a.name: not a.looks_at_time_stamps for a in answers}


@pytest.mark.java
def test_dss_refuses_a_changed_byte_of_ours(dss, town, towns, xades, pdfs, tmp_path):
    """In the value, in the document, in the time-stamp."""
    digest = hashlib.sha256(CONTENT).digest()
    good_xades, good_pdf = xades["p-256", "sha256"], pdfs["p-256", "plain"]
    part = cms_time_stamps(pdf_signatures(good_pdf)[0].cms)[0]
    spoiled = {
        "value.xml": towns.spoiled_in_element(good_xades, "SignatureValue"),
        "stamp.xml": towns.spoiled_in_element(good_xades, "EncapsulatedTimeStamp"),
        "value.pdf": towns.spoiled_in_contents(good_pdf, part.data),
        "page.pdf": good_pdf.replace(b"300", b"301", 1),
        "stamp.pdf": towns.spoiled_in_contents(good_pdf, part.token),
    }
    for name, data in spoiled.items():
        (tmp_path / name).write_bytes(data)
    files = [dss.DssInput(tmp_path / n, *(("SHA256", digest) if n.endswith("xml") else ())) for n in spoiled]
    answers = dict(zip(spoiled, dss.validate(files, [town.anchors_folder], aia=True), strict=True))
    assert {n: a.signature.indication for n, a in answers.items() if not n.startswith("stamp")} == {
        "value.xml": "TOTAL-FAILED",
        "value.pdf": "TOTAL-FAILED",
        "page.pdf": "TOTAL-FAILED",
    }
    for name in ("stamp.xml", "stamp.pdf"):
        (stamp,) = answers[name].signature.time_stamps
        assert stamp.indication != "PASSED"
