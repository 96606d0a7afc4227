"""A revocation list is scanned once into serial numbers."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509

from gateway.trust.crl import CrlShelf, revoked_certificates, scan_serials
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
    assert scan_serials(b"") == frozenset()


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
