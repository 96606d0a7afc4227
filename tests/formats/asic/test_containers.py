"""Containers are read for what they sign: by name, member by member, nothing outside and nothing twice."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from asn1crypto import cms, core, tsp

from gateway.domain.verdicts import IntegrityFailure, SignatureKind, TimeStampKind
from gateway.errors import UnreadableSignature

TEXT, OTHER = b"what was signed", b"what was not"
SIGNATURE = "META-INF/signatures0.xml"
HOLDS = (True, True, None)
OTHERS = (False, True, IntegrityFailure.OTHER_CONTENT)
MISSING = (False, True, IntegrityFailure.CONTENT_MISSING)


def states(verdicts):
    return [(v.crypto_valid, v.structure_valid, v.failure) for v in verdicts]


# ---------------------------------------------------------------- XAdES


def test_a_signature_over_a_member_holds(read, pack, ana):
    (verdict,) = read(pack(("a.txt", TEXT), (SIGNATURE, ana.xades(("a.txt", TEXT)))))
    assert states([verdict]) == [HOLDS]
    assert (verdict.certificate, verdict.covers, verdict.covers_whole_document) == (ana.der, ("a.txt",), True)


def test_a_changed_a_missing_and_a_renamed_member_are_noticed(read, pack, ana):
    """A member of another name is never taken for the missing one, as the only file given would be elsewhere."""
    signature = (SIGNATURE, ana.xades(("a.txt", TEXT)))
    assert states(read(pack(("a.txt", OTHER), signature))) == [OTHERS]
    assert read(pack(signature))[0].failure is IntegrityFailure.CONTENT_MISSING
    assert read(pack(("b.txt", TEXT), signature))[0].failure is IntegrityFailure.CONTENT_MISSING


def test_a_member_that_nobody_signed_is_told(read, pack, ana):
    """The signature holds, and the container has more in it than was signed."""
    (verdict,) = read(pack(("a.txt", TEXT), ("b.txt", OTHER), (SIGNATURE, ana.xades(("a.txt", TEXT)))))
    assert states([verdict]) == [HOLDS]
    assert verdict.covers_whole_document is False


def test_several_signature_files_and_several_signatures_in_one(read, pack, ana):
    good, bad = ana.xades(("a.txt", TEXT)), ana.xades(("a.txt", OTHER))
    two = pack(("a.txt", TEXT), (SIGNATURE, good), ("META-INF/signatures1.xml", bad))
    assert states(read(two)) == [HOLDS, OTHERS]
    inner = good[good.index(b"<ds:Signature") : good.rindex(b"</a:")]
    again = inner.replace(b'Id="', b'Id="z').replace(b'"#', b'"#z')
    both = pack(("a.txt", TEXT), (SIGNATURE, good.replace(inner, inner + again)))
    first, second = states(read(both))
    assert first == HOLDS
    assert second[0] is False  # its Ids were changed after signing


@pytest.mark.parametrize("name", ["Šužlikud sõid.txt", "a+b c.txt", "dir/a.txt", "100%.txt", "a&b;#.txt"])
def test_members_are_named_with_percent_encoding(read, pack, ana, name):
    from urllib.parse import quote

    for uri in (quote(name), quote(name, safe="/+")):
        assert states(read(pack((name, TEXT), (SIGNATURE, ana.xades((uri, TEXT)))))) == [HOLDS]


def test_a_name_in_utf8_that_does_not_say_so_is_read(read, ana):
    """Old writers leave the flag out."""
    name = "sõid.txt"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, TEXT)
        archive.writestr(SIGNATURE, ana.xades((name, TEXT)))
    unflagged = bytearray(out.getvalue())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = unflagged.index(magic) + offset
        unflagged[at + 1] &= ~0x08
    assert states(read(bytes(unflagged))) == [HOLDS]


@pytest.mark.parametrize("mimetype", [None, b"", b"text/plain", b"application/vnd.etsi.asic-s+zip"])
def test_the_mimetype_decides_nothing(read, pack, ana, mimetype):
    """Whether it is right is not whether the signature holds."""
    container = pack(("a.txt", TEXT), (SIGNATURE, ana.xades(("a.txt", TEXT))), mimetype=mimetype)
    assert states(read(container)) == [HOLDS]


def test_an_empty_member_may_be_signed(read, pack, ana):
    assert states(read(pack(("empty", b""), (SIGNATURE, ana.xades(("empty", b"")))))) == [HOLDS]


def test_members_are_canonicalised_where_the_reference_says_so(read, pack, ana, stranger):
    """As in signed OpenDocument files."""
    canonical = b'<a b="1"></a>'
    signature = ana.xades(("content.xml", canonical), transforms=(stranger.C14N_10,))
    container = pack(
        ("content.xml", b"<?xml version='1.0'?><a  b='1' />"), ("META-INF/documentsignatures.xml", signature)
    )
    assert states(read(container)) == [HOLDS]


def test_large_members_are_hashed_in_pieces(read, pack, ana):
    large = bytes(range(256)) * 40_000
    assert states(read(pack(("large", large), (SIGNATURE, ana.xades(("large", large)))))) == [HOLDS]
    assert states(read(pack(("large", large + b"x"), (SIGNATURE, ana.xades(("large", large)))))) == [OTHERS]


def test_what_is_no_signature_in_a_signature_file_has_a_verdict(read, pack, ana):
    """It does not hold, and does not hide the others."""
    good = ("META-INF/signatures1.xml", ana.xades(("a.txt", TEXT)))
    for broken in (b"", b"<a", b"<!DOCTYPE a><a/>"):
        container = pack(("a.txt", TEXT), (SIGNATURE, broken), good)
        assert states(read(container)) == [(False, None, IntegrityFailure.FORMAT), HOLDS]


def test_a_zip_without_signatures_has_no_verdicts(read, pack):
    assert read(pack(("a.txt", TEXT))) == []


def test_xml_by_the_name_of_a_container_is_read_as_what_it_is(read, ana):
    """DIGIDOC-XML was a container once."""
    signature = ana.xades(("a.txt", TEXT))
    assert states(read(b"\xef\xbb\xbf\n" + signature, as_stated=True)) == [HOLDS]
    assert states(read(signature, as_stated=True)) == [HOLDS]


# ---------------------------------------------------------------- CMS and time-stamps


def manifest(signature: str, *members: tuple[str, bytes]) -> bytes:
    listed = "".join(
        f'<a:DataObjectReference URI="{name}"><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<d:DigestValue>{b64encode(hashlib.sha256(data).digest()).decode()}</d:DigestValue></a:DataObjectReference>"
        for name, data in members
    )
    return (
        '<a:ASiCManifest xmlns:a="http://uri.etsi.org/02918/v1.2.1#" xmlns:d="http://www.w3.org/2000/09/xmldsig#">'
        f'<a:SigReference URI="{signature}"/>{listed}</a:ASiCManifest>'
    ).encode()


def test_a_cms_signature_over_the_only_member_holds(read, pack, ana):
    """ASiC-S."""
    signature = ("META-INF/signature.p7s", ana.cms(TEXT))
    (verdict,) = read(pack(("a.txt", TEXT), signature))
    assert states([verdict]) == [HOLDS]
    assert (verdict.certificate, verdict.covers) == (ana.der, ("a.txt",))
    assert not read(pack(("a.txt", OTHER), signature))[0].crypto_valid
    assert not read(pack(("a.txt", TEXT), ("b.txt", TEXT), signature))[0].crypto_valid


def test_a_cms_signature_over_a_manifest_covers_what_that_lists(read, pack, ana):
    """ASiC-E: every member listed has its digest, and exactly one manifest names the signature."""
    name = "META-INF/signature001.p7s"
    listed = manifest(name, ("a.txt", TEXT), ("b.txt", OTHER))
    parts = [("META-INF/ASiCManifest001.xml", listed), (name, ana.cms(listed))]
    (verdict,) = read(pack(("a.txt", TEXT), ("b.txt", OTHER), *parts))
    assert states([verdict]) == [HOLDS]
    assert verdict.covers == ("a.txt", "b.txt")
    assert not read(pack(("a.txt", OTHER), ("b.txt", OTHER), *parts))[0].crypto_valid
    assert not read(pack(("a.txt", TEXT), *parts))[0].crypto_valid
    second = ("META-INF/ASiCManifest002.xml", listed)
    assert not read(pack(("a.txt", TEXT), ("b.txt", OTHER), *parts, second))[0].crypto_valid


def token(ana, data: bytes, *, over: bytes | None = None) -> bytes:
    """A time-stamp token by *ana*, over the SHA-256 of *data* or over digest *over*."""
    info = tsp.TSTInfo(
        {
            "version": "v1",
            "policy": "1.2.3",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": over or hashlib.sha256(data).digest(),
            },
            "serial_number": 1,
            "gen_time": datetime(2026, 1, 1, tzinfo=UTC),
        }
    ).dump()
    certificate = cms.Certificate.load(ana.der)
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(info).digest()]}),
        ]
    )
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(info)},
            "certificates": [certificate],
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": cms.SignerIdentifier(
                        "issuer_and_serial_number",
                        {"issuer": certificate.issuer, "serial_number": certificate.serial_number},
                    ),
                    "digest_algorithm": {"algorithm": "sha256"},
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": "sha256_ecdsa"},
                    "signature": ana.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256())),
                }
            ],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()


def test_a_time_stamp_over_the_only_member_is_a_document_time_stamp(read, pack, ana):
    made = token(ana, TEXT)
    (verdict,) = read(pack(("a.txt", TEXT), ("META-INF/timestamp.tst", made)))
    assert (verdict.kind, states([verdict])) == (SignatureKind.DOCUMENT_TIME_STAMP, [HOLDS])
    (stamp,) = verdict.time_stamps
    assert (stamp.token, stamp.covered, stamp.kind) == (made, hashlib.sha256(TEXT).digest(), TimeStampKind.DOCUMENT)
    (other,) = read(pack(("a.txt", OTHER), ("META-INF/timestamp.tst", made)))
    assert (other.crypto_valid, other.failure) == (False, IntegrityFailure.DIGEST)


def test_a_time_stamp_that_does_not_hold_takes_nothing_from_one_that_does(read, pack, ana):
    """The later ones are over a manifest that lists the datum and the earlier tokens."""
    first = ("META-INF/timestamp.tst", token(ana, OTHER))
    listed = manifest("META-INF/timestamp002.tst", ("a.txt", TEXT))
    second = [("META-INF/ASiCArchiveManifest.xml", listed), ("META-INF/timestamp002.tst", token(ana, listed))]
    (verdict,) = read(pack(("a.txt", TEXT), first, *second))
    assert (states([verdict]), verdict.covers) == ([HOLDS], ("a.txt",))


def test_signatures_in_a_time_stamped_container_are_read_once_deep(read, pack, ana):
    """A container with old signatures, stamped as a whole."""
    inner = pack(("a.txt", TEXT), (SIGNATURE, ana.xades(("a.txt", TEXT))))
    stamped = pack(("inner.asice", inner), ("META-INF/timestamp.tst", token(ana, inner)))
    signature, stamp = read(stamped)
    assert states([signature, stamp]) == [HOLDS, HOLDS]
    deeper = pack(("stamped.asics", stamped), ("META-INF/timestamp.tst", token(ana, stamped)))
    assert [v.kind for v in read(deeper)] == [SignatureKind.DOCUMENT_TIME_STAMP] * 2


def evidence(ana, groups: list[list[bytes]], root: bytes) -> bytes:
    def value(digest: bytes) -> str:
        return f"<e:DigestValue>{b64encode(digest).decode()}</e:DigestValue>"

    tree = "".join(
        f'<e:Sequence Order="{n}">{"".join(map(value, group))}</e:Sequence>' for n, group in enumerate(groups, 1)
    )
    stamp = b64encode(token(ana, b"", over=root)).decode()
    return (
        '<e:EvidenceRecord xmlns:e="urn:ietf:params:xml:ns:ers"><e:ArchiveTimeStampSequence>'
        '<e:ArchiveTimeStampChain Order="1"><e:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f'<e:ArchiveTimeStamp Order="1"><e:HashTree>{tree}</e:HashTree><e:TimeStamp><e:TimeStampToken Type="RFC3161">'
        f"{stamp}</e:TimeStampToken></e:TimeStamp></e:ArchiveTimeStamp></e:ArchiveTimeStampChain>"
        "</e:ArchiveTimeStampSequence></e:EvidenceRecord>"
    ).encode()


def test_an_evidence_record_stamps_a_tree_of_digests(read, pack, ana):
    """RFC 6283 § 3.2: the datum in the first group, each group's digests in order with the one before."""
    mine, beside, above = (hashlib.sha256(data).digest() for data in (TEXT, b"beside", b"above"))
    first = hashlib.sha256(b"".join(sorted((mine, beside)))).digest()
    root = hashlib.sha256(b"".join(sorted((first, above)))).digest()
    record = ("META-INF/evidencerecord.xml", evidence(ana, [[mine, beside], [above]], root))
    (verdict,) = read(pack(("a.txt", TEXT), record))
    assert (verdict.kind, states([verdict])) == (SignatureKind.DOCUMENT_TIME_STAMP, [HOLDS])
    assert not read(pack(("a.txt", OTHER), record))[0].crypto_valid
    wrong = ("META-INF/evidencerecord.xml", evidence(ana, [[mine, beside], [above]], first))
    assert not read(pack(("a.txt", TEXT), wrong))[0].crypto_valid


def test_an_evidence_record_in_asn1_is_read_too(read, pack, ana):
    """RFC 4998, with one group and with none."""
    mine, beside = hashlib.sha256(TEXT).digest(), hashlib.sha256(b"beside").digest()
    algorithm = bytes.fromhex("300b0609608648016503040201")

    def seq(tag: int, *parts: bytes) -> bytes:
        body = b"".join(parts)
        size = len(body)
        length = bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2)
        return bytes([tag]) + length + body

    def record(groups: bytes, root: bytes) -> bytes:
        stamp = seq(0x30, groups, token(ana, b"", over=root))
        return seq(0x30, b"\x02\x01\x01", seq(0x30, algorithm), seq(0x30, seq(0x30, stamp)))

    tree = seq(0xA2, seq(0x30, *(b"\x04\x20" + digest for digest in (mine, beside))))
    root = hashlib.sha256(b"".join(sorted((mine, beside)))).digest()
    for made in (record(tree, root), record(b"", mine)):
        assert states(read(pack(("a.txt", TEXT), ("META-INF/evidencerecord.ers", made)))) == [HOLDS]
        assert not read(pack(("a.txt", OTHER), ("META-INF/evidencerecord.ers", made)))[0].crypto_valid


# ---------------------------------------------------------------- hostile zips


def refused(read, container: bytes) -> str:
    with pytest.raises(UnreadableSignature) as refusal:
        read(container)
    return refusal.value.reason


@pytest.mark.parametrize("container", [b"", b"PK", b"PK\x03\x04", b"no zip at all" * 100, b"%PDF-1.7"])
def test_what_is_no_zip_is_refused(read, container):
    assert refused(read, container) == "not a zip container"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["a.txt", SIGNATURE, "mimetype"])
def test_two_members_of_one_name_are_refused(read, pack, ana, name):
    """One reader would verify the first and another would show the second."""
    container = pack(("a.txt", TEXT), (SIGNATURE, ana.xades(("a.txt", TEXT))), (name, OTHER))
    assert refused(read, container) == "two members of the same name"


def test_a_member_whose_own_header_has_another_name_is_not_read(read, pack, ana):
    """Readers that go from the front would see another member."""
    container = pack(("a.txt", TEXT), (SIGNATURE, ana.xades(("a.txt", TEXT))))
    at = container.index(b"a.txt")
    (verdict,) = read(container[:at] + b"b.txt" + container[at + 5 :])
    assert not verdict.crypto_valid


def test_a_comment_that_looks_like_an_end_deceives_nobody(read, pack, ana):
    """What it says does not fit; and where two ends fit, the container is refused."""
    fake = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, 46, 1, 0)
    members = [("a.txt", TEXT), (SIGNATURE, ana.xades(("a.txt", TEXT)))]
    assert states(read(pack(*members, comment=b"hello " + fake + b" more"))) == [HOLDS]
    other = pack(("a.txt", OTHER))
    doubled = pack(*members, comment=other)
    assert refused(read, doubled) == "two lists of members"


def test_a_bomb_is_not_unpacked(read):
    """Neither one that says how large it is, nor one that lies about it."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("bomb", "w", force_zip64=True) as member,
    ):
        for _ in range(1100):
            member.write(bytes(1024 * 1024))
    assert refused(read, out.getvalue()) == "unpacks to too much"


def test_a_member_that_lies_about_its_length_does_not_hold(read, pack, ana):
    """It is unpacked to the length that it says, and then its checksum differs."""
    large = b"x" * 200_000
    container = bytearray(pack(("a.txt", large), (SIGNATURE, ana.xades(("a.txt", large)))))
    at = container.index(b"a.txt", container.index(b"PK\x01\x02")) - 46
    container[at + 24 : at + 28] = (10).to_bytes(4, "little")
    (verdict,) = read(bytes(container))
    assert not verdict.crypto_valid


def test_many_members_and_long_names_are_refused(read, pack):
    assert refused(read, pack(*((f"{n}", b"") for n in range(5000)))) == "too many members"
    assert refused(read, pack(*((f"{n}{'x' * 60_000}", b"") for n in range(80)))) == "too many members"
    assert refused(read, pack(("n" * 2000, b""))) == "a member with a name that is none"


def test_an_encrypted_member_is_refused(read, pack, ana):
    container = bytearray(pack(("a.txt", TEXT), (SIGNATURE, ana.xades(("a.txt", TEXT)))))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        container[container.index(magic) + offset] |= 1
    assert refused(read, bytes(container)) == "a member that is encrypted or packed unusually"


@pytest.mark.parametrize("name", ["../../evil.txt", "/etc/passwd", "C:\\evil.txt", "..\\evil.txt", "a/../../evil.txt"])
def test_names_lead_nowhere(read, pack, ana, name, tmp_path, monkeypatch):
    """Members are never written to a disk, and a name is only a name."""
    monkeypatch.chdir(tmp_path)
    (verdict,) = read(pack((name, TEXT), (SIGNATURE, ana.xades((name, TEXT)))))
    assert verdict.crypto_valid
    assert list(tmp_path.iterdir()) == []


def test_a_reference_to_a_file_of_the_machine_is_not_followed(read, pack, ana, tmp_path):
    """Not even with the right digest."""
    (tmp_path / "secret").write_bytes(b"secret")
    for uri in (f"file://{tmp_path}/secret", f"{tmp_path}/secret", "../secret"):
        (verdict,) = read(pack(("a.txt", TEXT), (SIGNATURE, ana.xades((uri, b"secret")))))
        assert verdict.failure is IntegrityFailure.CONTENT_MISSING
