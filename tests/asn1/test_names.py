"""A subject is shown as MSign's consumers know it."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.asn1.names import SUBJECT_LIMIT, dotnet_subject

KEY = ec.generate_private_key(ec.SECP256R1())


def shown(*attributes):
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1))
    )
    return dotnet_subject(builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER))


def test_the_order_is_that_of_the_printed_sample_however_the_certificate_is_written():
    attributes = [
        (NameOID.COUNTRY_NAME, "MD"),
        (NameOID.LOCALITY_NAME, "Chișinău"),
        (NameOID.STATE_OR_PROVINCE_NAME, "Moldova"),
        (NameOID.ORGANIZATION_NAME, "Persoană fizică"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "Cetățean"),
        (NameOID.POSTAL_CODE, "2012"),
        (NameOID.TITLE, "Dna"),
        (NameOID.STREET_ADDRESS, "Strada Mare 1"),
        (x509.ObjectIdentifier("2.5.4.20"), "22000000"),
        (NameOID.SERIAL_NUMBER, "2000000000007"),
        (NameOID.COMMON_NAME, "Popescu Maria"),
    ]
    expected = (
        "O=Persoană fizică, OU=Cetățean, C=MD, PostalCode=2012, T=Dna, STREET=Strada Mare 1, Phone=22000000, "
        "S=Moldova, L=Chișinău, SERIALNUMBER=2000000000007, CN=Popescu Maria"
    )
    assert shown(*attributes) == expected
    assert shown(*reversed(attributes)) == expected


def test_other_attributes_are_shown_by_label_or_number():
    text = shown(
        (NameOID.COMMON_NAME, "A"),
        (NameOID.SURNAME, "B"),
        (NameOID.GIVEN_NAME, "C"),
        (x509.ObjectIdentifier("2.5.4.97"), "NTRMD-1"),
    )
    assert text == "OID.2.5.4.97=NTRMD-1, G=C, SN=B, CN=A"


def test_values_that_could_be_taken_for_other_attributes_are_quoted():
    assert shown((NameOID.COMMON_NAME, "A, CN=B")) == 'CN="A, CN=B"'
    assert shown((NameOID.ORGANIZATION_NAME, 'SRL "Soare"')) == 'O="SRL ""Soare"""'
    assert shown((NameOID.COMMON_NAME, " A")) == 'CN=" A"'


@pytest.mark.parametrize("hostile", ["A\x00B", "A\x1bB", "A\u202eB", "A\nB", "A\ufeffB"])
def test_characters_that_steer_a_display_or_break_xml_are_replaced(hostile):
    assert shown((NameOID.COMMON_NAME, hostile)) == "CN=A\ufffdB"


def test_a_long_subject_keeps_the_person():
    long = [(NameOID.ORGANIZATIONAL_UNIT_NAME, f"Unitate {n} " + "x" * 40) for n in range(10)]
    person = [(NameOID.SERIAL_NUMBER, "PNOMD-2000000000007"), (NameOID.COMMON_NAME, "Popescu Maria")]
    text = shown(*long, (NameOID.STREET_ADDRESS, "y" * 60), *person)
    assert len(text) <= SUBJECT_LIMIT
    assert text.endswith("SERIALNUMBER=PNOMD-2000000000007, CN=Popescu Maria")
    assert text.startswith("OU=")


def test_a_single_endless_name_is_cut():
    # X.520 allows 64 characters; certificates in the wild are not asked.
    many = [(NameOID.COMMON_NAME, "z" * 64) for _ in range(9)]
    assert len(shown(*many)) <= SUBJECT_LIMIT
    text = shown((NameOID.POSTAL_CODE, '"' * 400))
    assert len(text) == SUBJECT_LIMIT
    assert text.endswith("…")


def test_what_is_no_certificate_is_a_value_error():
    with pytest.raises(ValueError):
        dotnet_subject(b"nothing")
