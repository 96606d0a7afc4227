"""A token says what it says only while every byte that matters is as its authority left it."""

import hashlib
import itertools
import time

import pytest
from asn1crypto import cms, core, tsp
from asn1crypto import x509 as asn1
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.asn1 import der
from gateway.asn1.ber import definite
from gateway.domain.certificates import KeyAlgorithm
from gateway.domain.contents import DigestAlgorithm
from gateway.domain.signatures import DataToBeSigned
from gateway.errors import UnreadableSignature
from gateway.timestamps.tokens import TOKEN_LIMIT

IMPRINT = hashlib.sha256(b"stamped").digest()
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


def token_by(office, now, *, nonce=99):
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": IMPRINT}
    request = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True}).dump()
    return tsp.TimeStampResp.load(office.issuer.respond(request, now))["time_stamp_token"].dump()


def says(reading):
    """What a reading claims; further certificates are nobody's claim."""
    return (
        reading.gen_time, reading.imprint, reading.imprint_algorithm, reading.nonce, reading.policy,
        reading.certificate, reading.signature_valid, reading.digest_algorithms,
    )  # fmt: skip


@pytest.fixture(scope="module")
def token(office, now):
    return token_by(office, now)


def test_a_token_is_read_into_what_it_attests(office, reader, token, now):
    reading = reader.read(token)
    assert reading.gen_time == now.replace(microsecond=0)
    assert (reading.imprint, reading.imprint_algorithm, reading.nonce) == (IMPRINT, "sha256", 99)
    assert reading.policy == "2.999.1.2"
    assert reading.certificate == office.certificate
    assert reading.other_certificates == (office.root,)
    assert reading.digest_algorithms == {"sha256"}
    assert reading.signature_valid
    assert reading.detail == ""


@pytest.mark.parametrize("kind", [KeyAlgorithm.P256, KeyAlgorithm.RSA_2048], ids=lambda k: k.value)
def test_no_changed_byte_changes_what_a_valid_token_says(registry, reader, now, kind):
    """Every byte, in turn: the token is unreadable, does not hold, or still says exactly the same."""
    original = token_by(registry.office(kind), now)
    expected = says(reader.read(original))
    harmless = 0
    for at, change in itertools.product(range(len(original)), (0x01, 0x80)):
        changed = bytearray(original)
        changed[at] ^= change
        try:
            reading = reader.read(bytes(changed))
        except UnreadableSignature:
            continue
        if reading.signature_valid:
            assert says(reading) == expected, f"byte {at} ^ {change:#x}"
            harmless += 1
    # The other certificate is nobody's claim; nearly all the rest must break something.
    assert harmless < 2 * len(registry.root) + 20


def change(token, alter):
    """*token* with a member altered through another ASN.1 library, its signature left as it was."""
    info = cms.ContentInfo.load(token)
    alter(info["content"])
    return info.dump(force=True)


def alter_info(**members):
    def alter(data):
        parsed = data["encap_content_info"]["content"].parsed.copy()
        for name, value in members.items():
            parsed[name] = value
        data["encap_content_info"]["content"] = core.ParsableOctetString(parsed.dump(force=True))

    return alter


def alter_imprint(data):
    alter_info(message_imprint={"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"x" * 32})(data)


@pytest.mark.parametrize(
    "members",
    [
        {"policy": "2.999.1.3"},
        {"serial_number": 1},
        {"nonce": 100},
        {"accuracy": {"seconds": 2}},
        {"ordering": True},
    ],
    ids=str,
)
def test_every_member_of_the_content_is_under_the_signature(reader, token, members):
    reading = reader.read(change(token, alter_info(**members)))
    assert not reading.signature_valid
    assert reading.detail == "message digest is of another content"


def test_another_imprint_is_under_the_signature(reader, token):
    reading = reader.read(change(token, alter_imprint))
    assert reading.imprint == b"x" * 32
    assert not reading.signature_valid


def attributes_of(data):
    return {a["type"].native: a for a in data["signer_infos"][0]["signed_attrs"]}


def set_value(name, value):
    def alter(data):
        attributes_of(data)[name]["values"] = [value]

    return alter


def remove(name):
    def alter(data):
        signer = data["signer_infos"][0]
        signer["signed_attrs"] = [a for a in signer["signed_attrs"] if a["type"].native != name]

    return alter


def refer_to(certificate):
    def alter(data):
        reference = {"cert_hash": hashlib.sha256(certificate).digest()}
        set_value("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [reference]}))(data)

    return alter


def halves(office, octets):
    """The authority's signature over *octets*: r and s."""
    value = office.key.sign([DataToBeSigned(octets, DigestAlgorithm.SHA256)])[0].octets
    return value[: len(value) // 2], value[len(value) // 2 :]


def resigned(office, token, alter):
    """*token* altered and signed anew by the authority's own key: only what it says about itself is wrong."""
    info = cms.ContentInfo.load(token)
    alter(info["content"])
    signer = info["content"]["signer_infos"][0]
    octets = der.set_of(*(a.dump(force=True) for a in signer["signed_attrs"]))
    signer["signature"] = der.sequence(*(der.integer(int.from_bytes(half)) for half in halves(office, octets)))
    return info.dump(force=True)


def test_resigning_what_was_not_altered_holds(office, reader, token):
    """The tests below alter one thing and sign anew; so the signing itself must be right."""
    reading = reader.read(resigned(office, token, lambda _: None))
    assert reading.signature_valid, reading.detail


@pytest.mark.parametrize(
    ("alter", "detail"),
    [
        (set_value("message_digest", core.OctetString(b"x" * 32)), "message digest is of another content"),
        (set_value("content_type", cms.ContentType("data")), "signed content type is another"),
        (remove("message_digest"), "without message digest"),
        (remove("content_type"), "signed content type is another"),
        (remove("signing_certificate_v2"), "without reference to the signing certificate"),
        (refer_to(b"another certificate"), "reference is to another certificate"),
        (alter_imprint, "message digest is of another content"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_authority_that_contradicts_itself_is_not_believed(office, reader, token, alter, detail):
    reading = reader.read(resigned(office, token, alter))
    assert not reading.signature_valid
    assert reading.detail == detail


def add_first_version(certificate):
    def alter(data):
        reference = {"cert_hash": hashlib.sha1(certificate).digest()}
        attribute = cms.CMSAttribute(
            {"type": "signing_certificate", "values": [tsp.SigningCertificate({"certs": [reference]})]}
        )
        signer = data["signer_infos"][0]
        signer["signed_attrs"] = [*signer["signed_attrs"], attribute]

    return alter


def test_references_of_both_versions_must_both_match(office, reader, token):
    agreeing = reader.read(resigned(office, token, add_first_version(office.certificate)))
    assert agreeing.signature_valid, agreeing.detail
    assert agreeing.digest_algorithms == {"sha256"}
    contradicting = reader.read(resigned(office, token, add_first_version(b"another certificate")))
    assert contradicting.detail == "reference is to another certificate"


def test_a_reference_with_another_serial_number_contradicts(office, reader, token):
    def refer(serial):
        def alter(data):
            name = data["certificates"][0].chosen.issuer
            reference = {
                "cert_hash": hashlib.sha256(office.certificate).digest(),
                "issuer_serial": {"issuer": [asn1.GeneralName("directory_name", name)], "serial_number": serial},
            }
            set_value("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [reference]}))(data)

        return alter

    from cryptography import x509

    serial = x509.load_der_x509_certificate(office.certificate).serial_number
    assert reader.read(resigned(office, token, refer(serial))).signature_valid
    assert reader.read(resigned(office, token, refer(serial + 1))).detail == "reference is to another certificate"


def test_attributes_that_nobody_sorted_hold_where_they_were_signed_so(office, reader, token):
    """Some authorities sign the attributes as they wrote them; those bytes are what the signature is over."""
    info = cms.ContentInfo.load(token)
    signer = info["content"]["signer_infos"][0]
    encoded = [a.dump() for a in signer["signed_attrs"]][::-1]
    octets = der.tlv(der.SET, *encoded)
    number = [der.integer(int.from_bytes(half)) for half in halves(office, octets)]
    old_attributes = signer["signed_attrs"].dump()
    new_attributes = der.tlv(old_attributes[0], *encoded)
    assert len(new_attributes) == len(old_attributes)
    signer["signature"] = der.sequence(*number)
    unsorted = info.dump(force=True).replace(old_attributes, new_attributes)
    reading = reader.read(unsorted)
    assert reading.signature_valid, reading.detail


def test_an_attribute_that_comes_twice_is_no_token(office, reader, token):
    def twice(data):
        signer = data["signer_infos"][0]
        signer["signed_attrs"] = [*signer["signed_attrs"], attributes_of(data)["message_digest"]]

    with pytest.raises(UnreadableSignature):
        reader.read(resigned(office, token, twice))


def padded(token, size):
    """*token* with an unsigned attribute of *size* bytes, which changes nothing about it."""

    def alter(data):
        data["signer_infos"][0]["unsigned_attrs"] = [{"type": "2.999.3", "values": [core.OctetString(bytes(size))]}]

    return change(token, alter)


def test_unsigned_attributes_are_passed_over(reader, token):
    assert reader.read(padded(token, 10_000)) == reader.read(token)


def test_a_token_of_64_kib_is_read_and_a_larger_one_is_not(reader, token):
    room = TOKEN_LIMIT - len(padded(token, 60_000)) + 60_000
    largest = padded(token, room)
    assert len(largest) == TOKEN_LIMIT
    assert reader.read(largest).signature_valid
    with pytest.raises(UnreadableSignature, match="larger than 65536 bytes"):
        reader.read(padded(token, room + 1))


def with_many(token, office, count):
    """*token* with its certificate and *count* others, which are none at all."""
    content_type, wrapped = der.whole(token).children()
    parts = [one.encoded for one in next(wrapped.children()).children()]
    parts[3] = der.explicit(0, office.certificate, *(der.sequence(der.integer(number)) for number in range(count)))
    return der.sequence(content_type.encoded, der.explicit(0, der.sequence(*parts)))


def test_so_many_certificates_are_read_and_no_more(office, reader, token):
    accepted = reader.read(with_many(token, office, 63))
    assert accepted.signature_valid, accepted.detail
    assert len(accepted.other_certificates) == 63
    with pytest.raises(UnreadableSignature):
        reader.read(with_many(token, office, 64))


def test_numbers_are_bounded(office, reader, token):
    assert reader.read(with_members(office, token, der.integer(1 << 500))).nonce == 1 << 500
    with pytest.raises(UnreadableSignature):
        reader.read(with_members(office, token, der.integer(1 << 520)))


@pytest.mark.parametrize("length", [0, 20, 31, 33, 64])
def test_an_imprint_is_as_long_as_its_algorithm_says(reader, token, length):
    def alter(data):
        alter_info(message_imprint={"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"x" * length})(data)

    with pytest.raises(UnreadableSignature):
        reader.read(change(token, alter))


def test_octets_in_pieces_are_put_together_in_elements_of_definite_length_too():
    pieces = der.tlv(
        0x24, der.octet_string(b"one "), der.tlv(0x24, der.octet_string(b"two "), der.octet_string(b"three"))
    )
    assert definite(der.sequence(pieces)) == der.sequence(der.octet_string(b"one two three"))
    with pytest.raises(ValueError, match="BER: not an OCTET STRING"):
        definite(der.tlv(0x24, der.integer(1)))


def set_version(of_signer, version):
    def alter(data):
        (data["signer_infos"][0] if of_signer else data)["version"] = version

    return alter


@pytest.mark.parametrize("version", ["v0", "v1", "v2"])
@pytest.mark.parametrize("of_signer", [True, False], ids=["signer", "signed data"])
def test_another_version_is_no_token(reader, token, of_signer, version):
    """A signer named by issuer and serial number is of version 1, what holds a TSTInfo of version 3."""
    if of_signer and version == "v1":
        assert reader.read(change(token, set_version(of_signer, version))).signature_valid
        return
    with pytest.raises(UnreadableSignature):
        reader.read(change(token, set_version(of_signer, version)))


def test_a_signer_named_by_issuer_is_not_of_version_3(reader, token):
    with pytest.raises(UnreadableSignature):
        reader.read(change(token, set_version(of_signer=True, version="v3")))


def with_members(office, token, *members):
    """*token* with *members* in the place of what follows genTime, byte by byte, and signed anew."""
    content_type, wrapped = der.whole(token).children()
    version, digests, encapsulated, certificates, signers = next(wrapped.children()).children()
    old = tsp.ContentInfo.load(token)["content"]["encap_content_info"]["content"].contents
    content = der.sequence(*(one.encoded for one in list(der.whole(old).children())[:5]), *members)
    (signer,) = signers.children()
    before, (attributes, algorithm, _) = list(signer.children())[:3], list(signer.children())[3:]
    digest = der.octet_string(hashlib.sha256(content).digest())
    encoded = attributes.body.replace(der.octet_string(hashlib.sha256(old).digest()), digest)
    octets = der.tlv(der.SET, encoded)
    numbers = [der.integer(int.from_bytes(half)) for half in halves(office, octets)]
    new_signer = der.sequence(
        *(one.encoded for one in before),
        der.explicit(0, encoded),
        algorithm.encoded,
        der.octet_string(der.sequence(*numbers)),
    )
    new_content = der.sequence(next(encapsulated.children()).encoded, der.explicit(0, der.octet_string(content)))
    parts = (version.encoded, digests.encoded, new_content, certificates.encoded, der.tlv(der.SET, new_signer))
    return der.sequence(content_type.encoded, der.explicit(0, der.sequence(*parts)))


ACCURACY, ORDERING, NONCE = der.sequence(der.integer(1)), der.tlv(der.BOOLEAN, b"\xff"), der.integer(5)


@pytest.mark.parametrize("members", [(), (ACCURACY,), (NONCE,), (ACCURACY, ORDERING, NONCE)], ids=len)
def test_optional_members_may_be_there_in_their_order(office, reader, token, members):
    reading = reader.read(with_members(office, token, *members))
    assert reading.signature_valid
    assert reading.nonce == (5 if NONCE in members else None)


@pytest.mark.parametrize(
    "members",
    [(NONCE, NONCE), (NONCE, ACCURACY), (ORDERING, ORDERING), (NONCE, der.octet_string(b"more"))],
    ids=["twice", "out of order", "ordering twice", "unknown"],
)
def test_members_that_contradict_the_structure_make_no_token(office, reader, token, members):
    """Which of two nonces would count? No token says two things."""
    altered = with_members(office, token, *members)
    with pytest.raises(UnreadableSignature):
        reader.read(altered)


def test_a_critical_extension_that_nobody_knows_is_no_token(office, reader, token):
    def with_extension(critical):
        extension = {
            "extn_id": "2.999.9",
            "critical": critical,
            "extn_value": core.OctetString(b"\x05\x00"),
        }

        def alter(data):
            alter_info(extensions=[extension])(data)
            content = data["encap_content_info"]["content"].contents
            set_value("message_digest", core.OctetString(hashlib.sha256(content).digest()))(data)

        return alter

    assert reader.read(resigned(office, token, with_extension(critical=False))).signature_valid
    with pytest.raises(UnreadableSignature):
        reader.read(resigned(office, token, with_extension(critical=True)))


def test_the_certificate_is_found_among_others_and_in_any_order(registry, reader, token, office):
    others = [registry.office(k).certificate for k in (KeyAlgorithm.P384, KeyAlgorithm.P521)]

    def more(data):
        data["certificates"] = [cms.CertificateChoices.load(c) for c in (*others, office.root, office.certificate)]

    reading = reader.read(change(token, more))
    assert reading.signature_valid, reading.detail
    assert reading.certificate == office.certificate
    assert set(reading.other_certificates) == {*others, office.root}


def test_a_token_without_its_certificate_says_so(office, reader, token):
    def only_root(data):
        data["certificates"] = [cms.CertificateChoices.load(office.root)]

    reading = reader.read(change(token, only_root))
    assert reading.certificate is None
    assert reading.other_certificates == (office.root,)
    assert not reading.signature_valid
    assert reading.detail == "signing certificate is not in the token"


def test_a_certificate_of_the_same_name_is_not_taken_for_the_one_referred_to(registry, reader, office, token):
    """Same issuer and serial number, another key: the reference decides, wherever the impostor stands."""
    impostor = bytearray(office.certificate)
    impostor[-1] ^= 1  # its signature: everything that names it stays
    impostor = bytes(impostor)

    def with_impostor(*certificates):
        def alter(data):
            data["certificates"] = [cms.CertificateChoices.load(c) for c in certificates]

        return alter

    both = reader.read(change(token, with_impostor(impostor, office.certificate)))
    assert both.signature_valid, both.detail
    assert both.certificate == office.certificate
    alone = reader.read(change(token, with_impostor(impostor)))
    assert alone.certificate == impostor
    assert alone.detail == "reference is to another certificate"


def test_digest_and_signature_algorithms_must_agree(office, reader, token):
    def disagree(data):
        data["signer_infos"][0]["signature_algorithm"] = {"algorithm": "sha384_ecdsa"}

    assert reader.read(change(token, disagree)).detail == "digest and signature algorithms do not agree"


def test_an_algorithm_that_is_not_read_makes_a_token_that_does_not_hold(office, reader, token):
    def edwards(data):
        data["signer_infos"][0]["signature_algorithm"] = {"algorithm": "ed25519"}

    def rsa(data):
        data["signer_infos"][0]["signature_algorithm"] = {"algorithm": "sha256_rsa"}

    assert reader.read(change(token, edwards)).detail == "signature algorithm is not read"
    assert reader.read(change(token, rsa)).detail == "key is of another kind than the signature"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda t: b"",
        lambda t: b"%PDF-1.7",
        lambda t: t[:-1],
        lambda t: t + b"\x00",
        lambda t: t + t,
        lambda t: b"\x30\x80" + t[4:],
        lambda t: b"\x30\x80" * 30000,
        lambda t: b"\x30\x80" * 15000 + b"\x00\x00" * 15000,
        lambda t: b"\x24\x80" * 31 + b"\x04\x00" + b"\x00\x00" * 31,
        lambda t: t + b"\x00" * TOKEN_LIMIT,
    ],
)
def test_what_is_no_token_is_said_to_be_none(reader, token, spoilt):
    with pytest.raises(UnreadableSignature) as caught:
        reader.read(spoilt(token))
    assert "time-stamp token" in caught.value.reason


def indefinite(element):
    """*element* with no length said beforehand, all the way down, except in primitive elements."""
    if not element.tag & 0x20:
        return element.encoded
    return bytes((element.tag, 0x80)) + b"".join(indefinite(c) for c in element.children()) + b"\x00\x00"


def test_indefinite_lengths_everywhere_are_read_as_if_they_were_definite(reader, token):
    """Certificates too: what their hash is over is their DER."""
    assert definite(indefinite(der.whole(token))) == token
    assert reader.read(indefinite(der.whole(token))) == reader.read(token)


@given(st.recursive(st.binary(max_size=200).map(der.octet_string), lambda c: st.lists(c, max_size=4).map(
    lambda parts: der.sequence(*parts)), max_leaves=20))  # fmt: skip
def test_definite_encodings_stay_byte_for_byte(encoded):
    assert definite(encoded) == encoded
    assert definite(indefinite(der.whole(encoded))) == encoded


@given(
    at=st.integers(0, 2000),
    removed=st.integers(0, 8),
    put=st.binary(max_size=8),
    begin=st.sampled_from(["", "indefinite"]),
)
@example(at=1, removed=0, put=b"\x80", begin="")
def test_no_bytes_make_the_reader_fall(reader, token, at, removed, put, begin):
    original = indefinite(der.whole(token)) if begin else token
    expected = says(reader.read(token))
    hostile = original[:at] + put + original[at + removed :]
    try:
        reading = reader.read(hostile)
    except UnreadableSignature:
        return
    assert not reading.signature_valid or says(reading) == expected


@given(st.binary(max_size=300))
def test_no_noise_makes_the_reader_fall(reader, noise):
    with pytest.raises(UnreadableSignature):
        reader.read(noise)


def test_hostile_size_costs_little(reader):
    """The largest tokens that are read at all, built to be slow: many certificates, many elements, deep nesting."""
    began = time.process_time()
    for hostile in (
        der.sequence(*[b"\x30\x00"] * 30000),
        b"\x30\x80" + b"\x30\x80\x00\x00" * 16000 + b"\x00\x00",
        b"\x24\x80" + b"\x04\x00" * 32000 + b"\x00\x00",
        (b"\x30\x80" * 30 + b"\x02\x01\x01" * 20000 + b"\x00\x00" * 30)[:TOKEN_LIMIT],
    ):
        with pytest.raises(UnreadableSignature):
            reader.read(hostile)
    assert time.process_time() - began < 5
