"""The sandbox's authority answers what it was asked, says why when it does not, and strangers believe its tokens."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import algos, cms, core, tsp
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from gateway.asn1 import der
from gateway.domain.certificates import KeyAlgorithm
from gateway.errors import ConfigurationError, KeyStoreUnavailable
from gateway.timestamps.issuing import TokenIssuer

HASHED = hashlib.sha256(b"hello").digest()
KINDS = [KeyAlgorithm.P256, KeyAlgorithm.P384, KeyAlgorithm.P521, KeyAlgorithm.RSA_2048]
DIGESTS = {KeyAlgorithm.P384: "sha384", KeyAlgorithm.P521: "sha512"}


def request(imprint=HASHED, algorithm="sha256", **more):
    given = {
        "version": "v1",
        "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": imprint},
        "cert_req": True,
        **more,
    }
    return tsp.TimeStampReq(given).dump()


class Response(core.Sequence):
    """TimeStampResp with a token that may be absent, as RFC 3161 has it."""

    _fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]  # noqa: RUF012


def answered(response):
    return Response.load(response, strict=True)


def signed_data(response):
    return answered(response)["time_stamp_token"]["content"]


def info(response):
    return signed_data(response)["encap_content_info"]["content"].parsed


def refusal(response):
    status = answered(response)["status"]
    assert status["status"].native == "rejection"
    assert answered(response)["time_stamp_token"].native is None
    assert status["status_string"].native[0].endswith(".")
    return status["fail_info"].native


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
def test_openssl_asks_gets_a_token_and_believes_it(registry, openssl, pem, now, kind):
    office = registry.office(kind)
    openssl("ts", "-query", "-data", "data", "-cert", "-sha256", "-out", "query", data=b"hello")
    response = office.issuer.respond((openssl.folder / "query").read_bytes(), now)
    verified = openssl(
        "ts", "-verify", "-queryfile", "query", "-in", "response", "-CAfile", "root",
        response=response, root=pem(office.root),
    )  # fmt: skip
    assert b"Verification: OK" in verified.stdout, verified.stderr
    shown = openssl("ts", "-reply", "-in", "response", "-text").stdout
    assert b"Time stamp: May  4 10:20:30 2026 GMT" in shown
    assert b"Accuracy: 0x01 seconds" in shown


def test_openssl_refuses_the_token_for_other_data(office, openssl, pem, now):
    openssl("ts", "-query", "-data", "data", "-cert", "-sha256", "-out", "query", data=b"hello")
    response = office.issuer.respond((openssl.folder / "query").read_bytes(), now)
    verified = openssl(
        "ts", "-verify", "-data", "other", "-in", "response", "-CAfile", "root",
        response=response, root=pem(office.root), other=b"goodbye",
    )  # fmt: skip
    assert verified.returncode != 0
    assert b"message imprint mismatch" in verified.stderr


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.value)
def test_pyhanko_asks_gets_a_token_and_believes_it(registry, now, kind):
    """The client checks status and nonce, the validator digest, attributes, signature, usage and path."""
    from asn1crypto import x509

    office = registry.office(kind)

    class Stamper(TimeStamper):
        async def async_request_tsa_response(self, req):
            return answered(office.issuer.respond(req.dump(), now))

    async def stamp_and_validate():
        token = await Stamper().async_timestamp(HASHED, "sha256")
        context = ValidationContext(trust_roots=[x509.Certificate.load(office.root)], moment=now)
        return await validate_tst_signed_data(token["content"], context, expected_tst_imprint=lambda _: HASHED)

    found = asyncio.run(stamp_and_validate())
    assert found["intact"]
    assert found["valid"]
    assert found["timestamp"] == now.replace(microsecond=0)
    assert found["md_algorithm"] == DIGESTS.get(kind, "sha256")


def test_a_token_says_what_was_asked_and_nothing_else(office, now):
    response = office.issuer.respond(request(nonce=2**63 + 5), now)
    told = info(response).native
    assert told["message_imprint"] == {
        "hash_algorithm": {"algorithm": "sha256", "parameters": None},
        "hashed_message": HASHED,
    }
    assert told["nonce"] == 2**63 + 5
    assert told["policy"] == "2.999.1.2"
    assert told["gen_time"] == now.replace(microsecond=0)
    assert told["accuracy"] == {"seconds": 1, "millis": None, "micros": None}
    assert told["ordering"] is False
    assert told["tsa"] is None


def test_a_token_without_nonce_answers_a_request_without_nonce(office, now):
    assert info(office.issuer.respond(request(), now))["nonce"].native is None


def test_signed_attributes_name_type_digest_time_and_certificate(office, now):
    data = signed_data(office.issuer.respond(request(), now))
    (signer,) = data["signer_infos"]
    attributes = {a["type"].native: a["values"] for a in signer["signed_attrs"]}
    assert set(attributes) == {"content_type", "message_digest", "signing_time", "signing_certificate_v2"}
    content = data["encap_content_info"]["content"].contents
    assert attributes["content_type"].native == ["tst_info"]
    assert attributes["message_digest"].native == [hashlib.sha256(content).digest()]
    assert attributes["signing_time"].native == [now.replace(microsecond=0)]
    (reference,) = attributes["signing_certificate_v2"][0]["certs"]
    assert reference["hash_algorithm"]["algorithm"].native == "sha256"
    assert reference["cert_hash"].native == hashlib.sha256(office.certificate).digest()
    assert data["version"].native == "v3"


def test_signed_attributes_are_in_the_order_that_der_asks_for(office, now):
    (signer,) = signed_data(office.issuer.respond(request(), now))["signer_infos"]
    encodings = [a.dump() for a in signer["signed_attrs"]]
    assert encodings == sorted(encodings)


def test_certificates_come_when_they_are_asked_for(office, now):
    asked = signed_data(office.issuer.respond(request(), now))["certificates"]
    assert {c.dump() for c in asked} == {office.certificate, office.root}
    unasked = signed_data(office.issuer.respond(request(cert_req=False), now))["certificates"]
    assert len(unasked) == 0


@pytest.mark.parametrize(("kind", "name"), [(KeyAlgorithm.P521, "sha512_ecdsa"), (KeyAlgorithm.RSA_2048, "sha256_rsa")])
def test_the_key_decides_the_digest(registry, now, kind, name):
    (signer,) = signed_data(registry.office(kind).issuer.respond(request(), now))["signer_infos"]
    assert signer["signature_algorithm"]["algorithm"].native == name
    assert signer["digest_algorithm"]["algorithm"].native == name.partition("_")[0]


def test_serial_numbers_are_of_128_bits_and_never_repeat(office, now):
    serials = {info(office.issuer.respond(request(), now))["serial_number"].native for _ in range(20)}
    assert len(serials) == 20
    assert all(0 < s < 2**128 for s in serials)
    assert max(serials).bit_length() > 110


def test_serial_numbers_can_come_from_outside(office, now):
    issuer = TokenIssuer(office.certificate, (), office.key.open, "2.999.1", serial=lambda: 77)
    assert info(issuer.respond(request(), now))["serial_number"].native == 77


def test_a_signing_time_from_2050_on_is_still_right(office):
    late = datetime(2050, 1, 1, tzinfo=UTC)
    data = signed_data(office.issuer.respond(request(), late))
    (signer,) = data["signer_infos"]
    (time,) = (a["values"] for a in signer["signed_attrs"] if a["type"].native == "signing_time")
    assert time[0].name == "generalized_time"
    assert time.native == [late]


def test_a_time_in_another_zone_is_told_in_utc(office, now):
    from datetime import timezone

    chisinau = timezone(timedelta(hours=3))
    assert info(office.issuer.respond(request(), now.astimezone(chisinau))).native["gen_time"] == now.replace(
        microsecond=0
    )


@pytest.mark.parametrize(
    ("asked", "failure"),
    [
        (request(hashlib.sha1(b"").digest(), "sha1"), {"bad_alg"}),
        (request(hashlib.md5(b"").digest(), "md5"), {"bad_alg"}),
        (request(b"x" * 28, "sha224"), {"bad_alg"}),
        (request(b"x" * 31), {"bad_data_format"}),
        (request(b""), {"bad_data_format"}),
        (request(HASHED, "sha512"), {"bad_data_format"}),
        (request(req_policy="2.999.4"), {"unaccepted_policy"}),
        (
            request(extensions=[{"extn_id": "2.999.5", "extn_value": core.OctetString(b"\x05\x00")}]),
            {"unaccepted_extensions"},
        ),
        (request(nonce=1 << 600), {"bad_data_format"}),
        (b"", {"bad_data_format"}),
        (b"hello", {"bad_data_format"}),
        (request() + b"\x00", {"bad_data_format"}),
        (request()[:-1], {"bad_data_format"}),
        (b"\x30\x80" + request()[2:] + b"\x00\x00", {"bad_data_format"}),
        (request().replace(b"\x02\x01\x01", b"\x02\x01\x02", 1), {"bad_request"}),
        (request(b"x" * 64, "sha512") + b"x" * 5000, {"bad_data_format"}),
    ],
)
def test_a_request_that_gets_no_token_is_told_why(office, now, asked, failure):
    assert refusal(office.issuer.respond(asked, now)) == failure


NONCE, WANTED, KNOWN_POLICY = der.integer(5), der.tlv(der.BOOLEAN, b"\xff"), der.oid("2.999.1.2")


@pytest.mark.parametrize(
    "members",
    [(WANTED, NONCE), (NONCE, KNOWN_POLICY), (NONCE, NONCE), (WANTED, WANTED), (der.octet_string(b""),)],
    ids=["out of order", "policy late", "nonce twice", "wanted twice", "unknown"],
)
def test_members_are_taken_in_their_order_only(office, now, members):
    version, imprint = list(der.whole(request()).children())[:2]

    def asked(*more):
        return der.sequence(version.encoded, imprint.encoded, *more)

    assert (
        answered(office.issuer.respond(asked(KNOWN_POLICY, NONCE, WANTED), now))["status"]["status"].native == "granted"
    )
    assert refusal(office.issuer.respond(asked(*members), now)) == {"bad_data_format"}


def test_openssl_reads_a_rejection(office, openssl, now):
    shown = openssl(
        "ts", "-reply", "-in", "r", "-text", r=office.issuer.respond(request(b"x" * 20, "sha1"), now)
    ).stdout
    assert b"Status: Rejected." in shown
    assert b"Failure info: unrecognized or unsupported algorithm identifier" in shown


def test_the_policy_may_be_asked_for_by_name(office, now):
    assert info(office.issuer.respond(request(req_policy="2.999.1.2"), now))["policy"].native == "2.999.1.2"


def test_the_key_is_opened_for_one_token_and_let_go(office, now):
    opened, closed = office.key.opened, office.key.closed
    office.issuer.respond(request(), now)
    assert (office.key.opened - opened, office.key.closed - closed) == (1, 1)


def test_a_rejection_needs_no_key(office, now):
    opened = office.key.opened
    office.issuer.respond(b"", now)
    assert office.key.opened == opened


def test_a_key_store_that_went_away_is_said_as_such(office, now):
    office.key.broken = True
    try:
        with pytest.raises(KeyStoreUnavailable):
            office.issuer.respond(request(), now)
    finally:
        office.key.broken = False


def test_a_certificate_that_cannot_serve_is_refused_at_once(office):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        TokenIssuer(b"no certificate", (), office.key.open, "2.999.1")


@given(
    imprint=st.binary(min_size=64, max_size=64),
    nonce=st.one_of(st.none(), st.integers(min_value=-(2**64), max_value=2**160)),
    algorithm=st.sampled_from(["sha256", "sha384", "sha512"]),
    certificates=st.booleans(),
)
def test_any_proper_request_comes_back_in_its_token(office, now, reader, imprint, nonce, algorithm, certificates):
    imprint = imprint[: algos.DigestAlgorithm({"algorithm": algorithm}) and hashlib.new(algorithm).digest_size]
    more = {} if nonce is None else {"nonce": nonce}
    response = office.issuer.respond(request(imprint, algorithm, cert_req=certificates, **more), now)
    reading = reader.read(cms.ContentInfo.dump(answered(response)["time_stamp_token"]))
    assert (reading.imprint, reading.imprint_algorithm, reading.nonce) == (imprint, algorithm, nonce)
    assert reading.signature_valid is certificates


@given(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, 60), st.binary(max_size=4))))
def test_no_bytes_make_the_authority_fall(office, now, hostile):
    if isinstance(hostile, tuple):
        at, patch = hostile
        proper = request(nonce=5)
        hostile = proper[:at] + patch + proper[at + len(patch) :]
    response = office.issuer.respond(hostile, now)
    assert answered(response)["status"]["status"].native in ("granted", "rejection")
