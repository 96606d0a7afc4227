"""A revocation list is scanned once into serial numbers."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.trust.crl import CrlShelf, revoked_certificates, scan_serials, signed_octets
from gateway.trust.revocation import UnusableEvidence

REASON = x509.ReasonFlags


def entries_of(crl):
    return revoked_certificates(x509.load_der_x509_crl(crl).tbs_certlist_bytes)


def numbered(serial):
    return SimpleNamespace(cert=SimpleNamespace(serial_number=serial))


def test_the_scan_finds_the_serials_that_the_library_finds(kit):
    top = kit.root()
    serials = [1, 127, 128, 255, 256, 2**63, 2**64 - 1, 2**158 + 5]
    reasons = [None, REASON.superseded]
    crl = top.crl(*((numbered(s), kit.NOW - kit.DAY, reasons[i % 2]) for i, s in enumerate(serials)))
    found = {int.from_bytes(serial, "big", signed=True) for serial in scan_serials(entries_of(crl))}
    assert found == {entry.serial_number for entry in x509.load_der_x509_crl(crl)} == set(serials)


def test_a_list_without_entries_lists_nobody(kit):
    assert entries_of(kit.root().crl()) == b""
    assert scan_serials(b"") == {}


def test_date_and_reason_are_those_of_the_entry(kit):
    top = kit.root()
    first, second, third = (top.issue(n) for n in ("First", "Second", "Third"))
    at = kit.NOW - timedelta(days=2)
    crl = top.crl((first, at, None), (second, at + kit.HOUR, REASON.superseded))
    shelf = CrlShelf()
    evidence = shelf.evidence(crl, second.cert, top.cert)
    assert (evidence.revoked_at, evidence.reason) == (at + kit.HOUR, REASON.superseded)
    assert shelf.evidence(crl, first.cert, top.cert).reason is None
    assert shelf.evidence(crl, third.cert, top.cert).revoked_at is None


def test_a_shelved_list_is_still_bound_to_its_issuer(kit):
    top, namesake = kit.root(), kit.root()
    crl = top.crl()
    shelf = CrlShelf()
    shelf.evidence(crl, top.issue("Signer").cert, top.cert)
    with pytest.raises(UnusableEvidence):
        shelf.evidence(crl, namesake.issue("Signer").cert, namesake.cert)


def test_a_changed_or_shortened_list_is_never_evidence(kit):
    top = kit.root()
    signer = top.issue("Signer")
    crl = top.crl((signer, kit.NOW - kit.DAY, REASON.superseded))
    shelf = CrlShelf()
    for position in range(0, len(crl), 3):
        changed = bytearray(crl)
        changed[position] ^= 0x21
        for der in (bytes(changed), crl[:position]):
            with pytest.raises(UnusableEvidence):
                shelf.evidence(der, signer.cert, top.cert)


@pytest.mark.parametrize(
    "broken",
    [
        b"\x30",
        b"\x30\x05\x02\x01\x01",
        b"\x30\x03\x04\x01\x01",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x03\x02\x7f\x01",
        b"\x31\x03\x02\x01\x01",
        b"\x30\x01\x02",
        b"\x30\x03\x02\x81\x01",
    ],
)
def test_broken_entries_are_refused(broken):
    with pytest.raises(ValueError):
        scan_serials(broken)


def test_a_long_list_is_read_in_little_time(kit):
    """A hundred thousand entries, written here as DER because a builder would take minutes."""
    body = b"".join(
        b"\x30\x22\x02\x11\x00" + (2**127 + n).to_bytes(16, "big") + b"\x17\x0d260101000000Z" for n in range(100_000)
    )
    began = time.process_time()
    found = scan_serials(body)
    assert time.process_time() - began < 2
    assert len(found) == 100_000
    assert b"\x00" + (2**127 + 99_999).to_bytes(16, "big") in found


def test_a_list_is_read_once_for_every_certificate_and_document(kit, monkeypatch):
    from gateway.trust import crl as room

    scanned = []
    monkeypatch.setattr(room, "scan_serials", lambda entries: scanned.append(1) or scan_serials(entries))
    top, other = kit.root("Top"), kit.root("Other")
    crl = top.crl((numbered(7), kit.NOW, None))
    shelf = CrlShelf()
    for name in ("First", "Second"):
        for copy in (crl, bytes(bytearray(crl))):
            assert shelf.evidence(copy, top.issue(name).cert, top.cert).revoked_at is None
            with pytest.raises(UnusableEvidence, match="another issuer"):
                shelf.evidence(copy, other.issue(name).cert, other.cert)
    assert len(scanned) == 1


def test_a_digest_is_never_taken_from_another_list_at_the_same_place(kit):
    top = kit.root()
    signer = top.issue("Signer")
    shelf = CrlShelf()
    for turn in range(50):
        listed = turn % 2 == 0
        crl = top.crl(*([(signer, kit.NOW, None)] if listed else []))
        assert (shelf.evidence(crl, signer.cert, top.cert).revoked_at is not None) == listed
        del crl


@pytest.mark.parametrize("kind", ["rsa", "pss", "p-384", "ed25519"])
def test_lists_signed_with_every_kind_of_key_are_read(kit, kind):
    key = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "pss": lambda: rsa.generate_private_key(65537, 2048),
        "p-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    top = kit.root()
    issuer = top.issue("Issuer", ca=True, key=key)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.cert.subject)
    builder = builder.last_update(kit.NOW).next_update(kit.NOW + kit.DAY)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if kind == "pss" else None
    made = builder.sign(key, None if kind == "ed25519" else hashes.SHA256(), rsa_padding=pss)
    der = made.public_bytes(Encoding.DER)
    signer = issuer.issue("Signer", algorithm=hashes.SHA256()) if kind != "ed25519" else top.issue("Signer")
    assert CrlShelf().evidence(der, signer.cert, issuer.cert).revoked_at is None
    spoiled = der[:-1] + bytes([der[-1] ^ 1])
    with pytest.raises(UnusableEvidence):
        CrlShelf().evidence(spoiled, signer.cert, issuer.cert)
    pem = made.public_bytes(Encoding.PEM)
    assert CrlShelf().evidence(pem, signer.cert, issuer.cert).revoked_at is None


def test_a_list_whose_algorithms_disagree_inside_and_out_is_refused(kit):
    """The issuer's own key signed it, so that nothing else is wrong with it."""
    top = kit.root()
    crl = top.crl()
    body = signed_octets(crl).replace(bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040303"))
    value = top.key.sign(body, ec.ECDSA(hashes.SHA256()))
    outside = bytes.fromhex("300a06082a8648ce3d040302")
    whole = body + outside + b"\x03" + bytes([len(value) + 1]) + b"\0" + value
    assert 0x7F < len(whole) <= 0xFF
    changed = b"\x30\x81" + bytes([len(whole)]) + whole
    with pytest.raises(UnusableEvidence):
        CrlShelf().evidence(changed, top.issue("Signer").cert, top.cert)
