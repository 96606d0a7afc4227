"""Tokens that others made are read for what they are: OpenSSL's, pyHanko's, and real authorities' in the corpus."""

import base64
import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import keys, tsp, x509
from cryptography.hazmat.primitives import serialization
from pyhanko.sign.timestamps import DummyTimeStamper

from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import UnreadableSignature

DATA = b"what is stamped"
CONFIGURATION = """
[tsa]
default_tsa = one
[one]
serial = serial
crypto_device = builtin
signer_digest = {digest}
default_policy = 2.999.1.7
digests = sha1, sha256, sha384, sha512
accuracy = secs:1, millisecs:500
ordering = {ordering}
tsa_name = {name}
ess_cert_id_chain = {chain}
ess_cert_id_alg = {reference}
clock_precision_digits = {digits}
"""


def openssl_token(openssl, office, pem, *query, text=False, **settings):
    """A token of OpenSSL's own authority."""
    given = {"digest": "sha256", "ordering": "no", "name": "no", "chain": "no", "reference": "sha256", "digits": 0}
    configuration = CONFIGURATION.format(**{**given, **settings}).encode()
    files = {
        "configuration": configuration,
        "key": office.private_pem(),
        "certificate": pem(office.certificate),
        "chain": pem(office.root),
        "data": DATA,
    }
    asked = openssl("ts", "-query", "-data", "data", "-out", "query", *(query or ("-sha256", "-cert")), **files)
    assert asked.returncode == 0, asked.stderr
    made = openssl(
        "ts", "-reply", "-config", "configuration", "-queryfile", "query", "-signer", "certificate", "-inkey", "key",
        "-chain", "chain", "-token_out", "-out", "token",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return (openssl.folder / "token").read_bytes()


def cms_token(openssl, office, pem, reader, now, *options):
    """A token that OpenSSL's CMS made over a TSTInfo of ours: paddings and encodings its authority does not know."""
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": hashlib.sha256(DATA).digest()}
    request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "cert_req": True}).dump()
    response = tsp.TimeStampResp.load(office.issuer.respond(request, now))
    info = response["time_stamp_token"]["content"]["encap_content_info"]["content"].contents
    made = openssl(
        "cms", "-sign", "-binary", "-nodetach", "-cades", "-nosmimecap", "-econtent_type", "1.2.840.113549.1.9.16.1.4",
        "-in", "info", "-signer", "certificate", "-inkey", "key", "-outform", "DER", "-out", "token", *options,
        info=info, key=office.private_pem(), certificate=pem(office.certificate),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return (openssl.folder / "token").read_bytes()


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("kind", [KeyAlgorithm.P256, KeyAlgorithm.RSA_2048], ids=lambda k: k.value)
def test_openssl_tokens_hold_under_every_digest(registry, openssl, pem, reader, kind, digest):
    office = registry.office(kind)
    reading = reader.read(openssl_token(openssl, office, pem, digest=digest))
    assert reading.signature_valid, reading.detail
    assert reading.certificate == office.certificate
    assert reading.other_certificates == (office.root,)
    assert reading.digest_algorithms == {digest, "sha256"}
    assert reading.imprint == hashlib.sha256(DATA).digest()
    assert reading.policy == "2.999.1.7"
    assert reading.nonce is not None


@pytest.mark.parametrize("kind", [KeyAlgorithm.P384, KeyAlgorithm.P521], ids=lambda k: k.value)
def test_openssl_tokens_hold_on_every_curve(registry, openssl, pem, reader, kind):
    assert reader.read(openssl_token(openssl, registry.office(kind), pem)).signature_valid


@pytest.mark.parametrize("reference", ["sha1", "sha256", "sha384", "sha512"])
def test_references_of_both_versions_are_read(office, openssl, pem, reader, reference):
    """With SHA-1, OpenSSL writes the first version of the reference; its digest is reported."""
    reading = reader.read(openssl_token(openssl, office, pem, reference=reference, chain="yes"))
    assert reading.signature_valid, reading.detail
    assert reading.digest_algorithms == {"sha256", reference}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
def test_imprints_of_every_algorithm_are_read(office, openssl, pem, reader, algorithm):
    reading = reader.read(openssl_token(openssl, office, pem, f"-{algorithm}", "-cert"))
    assert reading.imprint_algorithm == algorithm
    assert reading.imprint == hashlib.new(algorithm, DATA).digest()


def test_everything_optional_may_be_there(office, openssl, pem, reader):
    """Accuracy, ordering, the authority's name, fractions of a second."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    token = openssl_token(openssl, office, pem, ordering="yes", name="yes", digits=6)
    reading = reader.read(token)
    assert reading.signature_valid, reading.detail
    assert before < reading.gen_time < datetime.now(UTC) + timedelta(seconds=2)
    assert reading.gen_time == tsp.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed[
        "gen_time"
    ].native.replace(tzinfo=UTC)


def test_nothing_optional_need_be_there(office, openssl, pem, reader):
    reading = reader.read(openssl_token(openssl, office, pem, "-sha256", "-no_nonce"))
    assert reading.nonce is None
    assert reading.certificate is None
    assert reading.other_certificates == ()
    assert not reading.signature_valid
    assert reading.detail == "signing certificate is not in the token"


@pytest.mark.parametrize("digest", ["sha1", "sha224", "sha256", "sha384", "sha512"])
def test_pss_signatures_hold(registry, openssl, pem, reader, now, digest):
    office = registry.office(KeyAlgorithm.RSA_2048)
    options = ("-md", digest, "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:digest")
    reading = reader.read(cms_token(openssl, office, pem, reader, now, *options))
    assert reading.signature_valid, reading.detail
    assert digest in reading.digest_algorithms


def test_the_digest_of_a_pss_mask_is_reported_too(registry, openssl, pem, reader, now):
    office = registry.office(KeyAlgorithm.RSA_2048)
    options = ("-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha1")
    reading = reader.read(cms_token(openssl, office, pem, reader, now, *options))
    assert reading.signature_valid, reading.detail
    assert reading.digest_algorithms == {"sha256", "sha1"}


def test_a_signer_may_be_named_by_its_key(office, openssl, pem, reader, now):
    reading = reader.read(cms_token(openssl, office, pem, reader, now, "-keyid"))
    assert reading.signature_valid, reading.detail
    assert reading.certificate == office.certificate


def test_a_token_with_indefinite_lengths_is_read(office, openssl, pem, reader, now):
    """OpenSSL streams: lengths at the end, and the content's octets in pieces."""
    token = cms_token(openssl, office, pem, reader, now, "-stream")
    assert token[:2] == b"\x30\x80"
    reading = reader.read(token)
    assert reading.signature_valid, reading.detail
    assert reading.certificate == office.certificate
    assert reading.imprint == hashlib.sha256(DATA).digest()


def test_two_signers_make_no_token(registry, office, openssl, pem, reader, now):
    other = registry.office(KeyAlgorithm.P384)
    (openssl.folder / "second").write_bytes(pem(other.certificate))
    (openssl.folder / "second-key").write_bytes(other.private_pem())
    token = cms_token(openssl, office, pem, reader, now, "-signer", "second", "-inkey", "second-key")
    with pytest.raises(UnreadableSignature):
        reader.read(token)


def test_a_cms_signature_over_something_else_is_no_token(office, openssl, pem, reader):
    made = openssl(
        "cms", "-sign", "-binary", "-nodetach", "-cades", "-in", "data", "-signer", "certificate", "-inkey", "key",
        "-outform", "DER", "-out", "signature",
        data=DATA, key=office.private_pem(), certificate=pem(office.certificate),
    )  # fmt: skip
    assert made.returncode == 0
    with pytest.raises(UnreadableSignature):
        reader.read((openssl.folder / "signature").read_bytes())


def test_pyhanko_tokens_hold(registry, reader, now):
    office = registry.office(KeyAlgorithm.RSA_2048)
    key = office.key.private_key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    stamper = DummyTimeStamper(
        x509.Certificate.load(office.certificate), keys.PrivateKeyInfo.load(key), None, fixed_dt=now
    )
    request = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": hashlib.sha256(DATA).digest(),
            },
            "nonce": 12,
            "cert_req": True,
        }
    )
    reading = reader.read(stamper.request_tsa_response(request)["time_stamp_token"].dump())
    assert reading.signature_valid, reading.detail
    assert reading.certificate == office.certificate
    assert reading.nonce == 12
    assert abs(reading.gen_time - now) < timedelta(seconds=1)


def corpus_tokens():
    """Tokens in the XAdES signatures of the corpus, as their authorities gave them."""
    folder = Path(__file__).parents[3] / "shared" / "corpus" / "files"
    found = set()
    for file in sorted(folder.glob("*.*")):
        texts = [file.read_bytes()] if file.suffix == ".xml" else []
        if file.suffix == ".asice":
            try:
                with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as container:
                    texts = [container.read(name) for name in container.namelist() if name.endswith(".xml")]
            except zipfile.BadZipFile:
                continue
        for text in texts:
            for encoded in re.findall(rb"EncapsulatedTimeStamp[^>]*>([^<]+)<", text):
                found.add(base64.b64decode(re.sub(rb"\s|&#\w+;", b"", encoded)))
    return sorted(token for token in found if token)


def test_real_authorities_tokens_all_hold(reader):
    """Their digests, references, fractions, BER and orders of attributes are what authorities really write."""
    tokens = corpus_tokens()
    if not tokens:
        pytest.skip("../shared/corpus is not beside this checkout")
    readings = [reader.read(token) for token in tokens]
    assert [r.detail for r in readings if not r.signature_valid] == []
    assert any(token[:2] == b"\x30\x80" for token in tokens)
    assert {"sha1", "sha256", "sha512"} <= {r.imprint_algorithm for r in readings}
