"""Every submitted signature gets its own conclusion; one that cannot be read never spoils a batch."""

import ast
import hashlib
import io
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.domain.contents import ContentId, ContentType, DigestAlgorithm, StoredContent
from gateway.domain.indications import Indication, SubIndication
from gateway.domain.messages import Language, MessageKey
from gateway.domain.policy import ETSI, MSIGN_COMPAT, KeyFamily, KeyStrength
from gateway.domain.verdicts import (
    IntegrityFailure,
    IntegrityVerdict,
    SignatureKind,
    TimeStampFound,
    TimeStampKind,
    Trust,
    TrustVerdict,
)
from gateway.domain.verification import DetachedContent, FileFormat, VerificationContent, VerificationRequest
from gateway.errors import InvalidRequest, ServiceBusy, StoredContentMissing, UnreadableSignature
from gateway.operations import verify_signatures
from gateway.operations.verify_signatures import VerifySignatures
from gateway.timestamps.api import TokenReading
from gateway.trust.api import Purpose

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HASH = hashlib.sha256(b"content").digest()
COVERED = b"canonical signature value"
SIGNER, TSA = b"signer's certificate", b"authority's certificate"


def integrity(**more):
    given = {
        "kind": SignatureKind.SIGNATURE,
        "crypto_valid": True,
        "structure_valid": True,
        "failure": None,
        "certificate": SIGNER,
        "certificate_reference_matches": True,
        "other_certificates": (b"issuer",),
        "time_stamps": (),
        "claimed_signing_time": None,
        "signature_digests": frozenset({DigestAlgorithm.SHA256}),
        "content_digest": DigestAlgorithm.SHA256,
        "embedded_ocsp_responses": (b"ocsp",),
        "embedded_crls": (b"crl",),
    }
    return IntegrityVerdict(**{**given, **more})


def pdf(**more):
    return integrity(
        **{"content_digest": None, "covers_whole_document": False, "modified_after_signing": False, **more}
    )


def document_stamp(token, **more):
    found = (TimeStampFound(token, COVERED),)
    return pdf(kind=SignatureKind.DOCUMENT_TIME_STAMP, certificate=TSA, time_stamps=found, **more)


def token(gen_time, **more):
    given = {
        "gen_time": gen_time,
        "imprint": hashlib.sha256(COVERED).digest(),
        "imprint_algorithm": "sha256",
        "nonce": None,
        "policy": "1.2.3",
        "certificate": TSA,
        "other_certificates": (b"authority's issuer",),
        "signature_valid": True,
        "digest_algorithms": frozenset({"sha256"}),
    }
    return TokenReading(**{**given, **more})


class House:
    """The rooms as fakes: files, tokens and standings by name."""

    def __init__(self):
        self.files = {}
        self.tokens = {}
        self.standing = {}
        self.asked = []
        self.read_with = []
        self.stored = {}
        self.deleted = []
        self.policy = MSIGN_COMPAT
        self.strength = KeyStrength(KeyFamily.ELLIPTIC, 256)

    # SignatureEngine
    def read(self, signature, content):
        found = self.files[signature.read()]
        if isinstance(found, Exception):
            raise found
        return found(content) if callable(found) else found

    # SignatureReader
    def read_file(self, signature, contents, *, as_stated=False, certificates=()):
        self.read_with.append((list(contents), as_stated))
        return self.read(signature, None)

    # CertificateJudge
    def judge(self, certificate, purpose, **more):
        self.asked.append((certificate, purpose, more))
        standing = self.standing.get(certificate, lambda _at: Trust.GOOD)
        return TrustVerdict(standing(more["at"]), more["at"])

    # ContentStore
    def open(self, content_id):
        if content_id not in self.stored:
            raise StoredContentMissing
        return io.BytesIO(self.stored[content_id])

    def delete(self, content_id):
        self.deleted.append(content_id)

    def describe(self, der):
        if der == b"odd":
            raise ValueError
        return "CN=" + der.decode()

    def operation(self, *, judged=True, **more):
        house = self

        class Tokens:
            def read(self, found):
                reading = house.tokens.get(found)
                if reading is None:
                    raise UnreadableSignature("no token")
                return reading

        return VerifySignatures(
            dict.fromkeys(ContentType, self),
            self if judged else None,
            Tokens(),
            self,
            self.policy,
            lambda: NOW,
            describe=self.describe,
            strength=lambda _der: self.strength,
            **more,
        )

    def one(self, content_type=ContentType.HASH, name=b"file", content=HASH):
        return self.operation().verify_one(content_type, io.BytesIO(name), content)

    def batch(self, *contents, content_type=ContentType.HASH, **more):
        return self.operation(**more)(VerificationRequest(content_type, contents, Language.RO))


@pytest.fixture
def house():
    return House()


def content(signature=b"file", correlation_id=None, original=HASH):
    return VerificationContent(correlation_id, signature, original)


# ------------------------------------------------------------------ one signature


def test_a_good_signature_is_valid_and_names_its_signer_and_time(house):
    house.files[b"file"] = [integrity(time_stamps=(TimeStampFound(b"token", COVERED),))]
    house.tokens[b"token"] = token(NOW - DAY)
    result = house.one()
    assert result.valid
    assert result.message is MessageKey.VALID
    found = result.conclusions[0]
    assert (found.subject, found.certificate, found.signed_at) == ("CN=signer's certificate", SIGNER, NOW - DAY)


def test_the_signer_is_judged_at_the_earliest_proved_time_with_the_evidence_at_hand(house):
    stamps = tuple(TimeStampFound(name, COVERED) for name in (b"late", b"early", b"broken"))
    house.files[b"file"] = [integrity(time_stamps=stamps)]
    house.tokens = {
        b"late": token(NOW - DAY),
        b"early": token(NOW - 2 * DAY),
        b"broken": token(NOW - 3 * DAY, signature_valid=False),
    }
    assert house.one().conclusions[0].signed_at == NOW - 2 * DAY
    signer = [more for certificate, purpose, more in house.asked if purpose is Purpose.SIGNING]
    assert signer == [
        {"at": NOW - 2 * DAY, "now": NOW, "others": (b"issuer",), "ocsp_responses": (b"ocsp",), "crls": (b"crl",)}
    ]
    stampers = [(c, m["at"]) for c, purpose, m in house.asked if purpose is Purpose.TIME_STAMPING]
    assert sorted(stampers) == [(TSA, NOW - 2 * DAY), (TSA, NOW - DAY)]


def test_without_a_time_stamp_the_signer_is_judged_now(house):
    house.files[b"file"] = [integrity()]
    assert house.one().conclusions[0].signed_at is None
    assert [more["at"] for *_, more in house.asked] == [NOW]


def test_a_certificate_that_ended_after_the_proved_time_is_valid(house):
    house.files[b"file"] = [integrity(time_stamps=(TimeStampFound(b"token", COVERED),))]
    house.tokens[b"token"] = token(NOW - 5 * DAY)
    house.standing[SIGNER] = lambda at: Trust.REVOKED if at >= NOW - 3 * DAY else Trust.GOOD
    assert house.one().valid
    house.tokens[b"token"] = token(NOW - 2 * DAY)
    result = house.one()
    assert result.message is MessageKey.REVOKED_UNPROVEN
    assert result.conclusions[0].sub_indication is SubIndication.REVOKED_NO_POE


@pytest.mark.parametrize(
    "broken",
    [
        {"imprint": b"\0" * 32},
        {"signature_valid": False},
        {"gen_time": NOW + DAY},
        {"imprint_algorithm": "md5", "imprint": hashlib.md5(COVERED).digest()},
        {"imprint_algorithm": "sha1", "imprint": hashlib.sha1(COVERED).digest()},
        {"imprint_algorithm": "no such", "imprint": b""},
        {"digest_algorithms": frozenset({"md5"})},
        {"certificate": None},
    ],
)
def test_a_time_stamp_that_proves_nothing_gives_its_own_reason(house, broken):
    house.files[b"file"] = [integrity(time_stamps=(TimeStampFound(b"token", COVERED),))]
    house.tokens[b"token"] = token(**{"gen_time": NOW - DAY, **broken})
    result = house.one()
    assert not result.valid
    assert result.message is MessageKey.TIME_STAMP_NOT_VALID
    assert result.conclusions[0].signed_at is None
    assert TSA not in [certificate for certificate, *_ in house.asked]


def test_an_unreadable_token_and_an_untrusted_authority_are_no_valid_time_stamp(house):
    house.files[b"file"] = [integrity(time_stamps=(TimeStampFound(b"junk", COVERED),))]
    assert house.one().message is MessageKey.TIME_STAMP_NOT_VALID
    house.tokens[b"junk"] = token(NOW - DAY)
    house.standing[TSA] = lambda _at: Trust.NO_PATH
    assert house.one().message is MessageKey.TIME_STAMP_NOT_VALID
    house.standing[TSA] = lambda _at: Trust.STATUS_UNKNOWN
    result = house.one()
    assert result.message is MessageKey.STATUS_UNKNOWN
    assert result.conclusions[0].sub_indication is SubIndication.TRY_LATER


def test_engines_may_give_the_digest_of_what_a_time_stamp_covers(house):
    digest = hashlib.sha256(b"a long document").digest()
    house.files[b"file"] = [integrity(time_stamps=(TimeStampFound(b"token", digest),))]
    house.tokens[b"token"] = token(NOW - DAY, imprint=digest)
    assert house.one().valid


def test_an_old_sha1_signature_passes_with_a_warning_where_its_time_is_proved(house):
    sha1 = frozenset({DigestAlgorithm.SHA1})
    house.files[b"file"] = [
        integrity(signature_digests=sha1, time_stamps=(TimeStampFound(b"token", COVERED),)),
    ]
    imprint = hashlib.sha1(COVERED).digest()
    house.tokens[b"token"] = token(
        datetime(2023, 5, 1, tzinfo=UTC),
        imprint_algorithm="sha1",
        imprint=imprint,
        digest_algorithms=frozenset({"sha1"}),
    )
    result = house.one()
    assert result.valid
    assert result.conclusions[0].policy.warnings == (MessageKey.WEAK_ALGORITHM,)
    house.policy = ETSI
    assert not house.one().valid


def test_a_weak_key_is_named(house):
    house.files[b"file"] = [integrity()]
    house.strength = KeyStrength(KeyFamily.RSA, 1024)
    result = house.one()
    assert result.message is MessageKey.WEAK_ALGORITHM
    assert result.conclusions[0].sub_indication is SubIndication.CRYPTO_CONSTRAINTS_FAILURE


def test_nobody_is_asked_about_a_signature_that_does_not_hold(house):
    house.files[b"file"] = [
        integrity(
            crypto_valid=False,
            failure=IntegrityFailure.OTHER_CONTENT,
            time_stamps=(TimeStampFound(b"token", COVERED),),
        )
    ]
    result = house.one()
    assert result.message is MessageKey.OTHER_CONTENT
    assert result.conclusions[0].subject == "CN=signer's certificate"
    assert house.asked == []


def test_a_signature_without_a_certificate_is_not_concluded_about(house):
    house.files[b"file"] = [integrity(certificate=None)]
    found = house.one().conclusions[0]
    assert (found.indication, found.subject) == (Indication.INDETERMINATE, None)
    assert house.asked == []


def test_a_subject_that_cannot_be_shown_is_left_out(house):
    house.files[b"file"] = [integrity(certificate=b"odd")]
    assert house.one().conclusions[0].subject is None


# ------------------------------------------------------------------ documents


def test_an_unsigned_document_says_so(house):
    house.files[b"file"] = []
    result = house.one(ContentType.PDF, content=None)
    assert (result.message, result.conclusions, result.valid) == (MessageKey.NOT_SIGNED, (), False)


def test_document_time_stamps_alone_sign_nothing(house):
    house.files[b"file"] = [document_stamp(b"token")]
    house.tokens[b"token"] = token(NOW - DAY)
    result = house.one(ContentType.PDF, content=None)
    assert result.message is MessageKey.NOT_SIGNED
    assert not result.valid


def test_a_later_document_time_stamp_proves_the_time(house):
    house.files[b"file"] = [pdf(), document_stamp(b"token")]
    house.tokens[b"token"] = token(NOW - 5 * DAY)
    house.standing[SIGNER] = lambda at: Trust.EXPIRED if at > NOW - 2 * DAY else Trust.GOOD
    result = house.one(ContentType.PDF, content=None)
    assert result.valid
    assert result.message is MessageKey.VALID
    assert [c.integrity.kind for c in result.conclusions] == [
        SignatureKind.SIGNATURE,
        SignatureKind.DOCUMENT_TIME_STAMP,
    ]
    assert result.conclusions[0].signed_at == NOW - 5 * DAY


def test_an_earlier_document_time_stamp_does_not_prove_existence_but_proves_a_revoked_signing(house):
    house.files[b"file"] = [document_stamp(b"token"), pdf()]
    house.tokens[b"token"] = token(NOW - DAY)
    house.standing[SIGNER] = lambda at: Trust.REVOKED if at >= NOW - 3 * DAY else Trust.GOOD
    result = house.one(ContentType.PDF, content=None)
    assert result.message is MessageKey.REVOKED
    assert result.conclusions[1].indication is Indication.TOTAL_FAILED
    house.tokens[b"token"] = token(NOW - 5 * DAY)
    result = house.one(ContentType.PDF, content=None)
    assert result.message is MessageKey.REVOKED_UNPROVEN
    assert result.conclusions[1].signed_at is None


def test_an_earlier_document_time_stamp_that_is_not_valid_proves_no_revoked_signing(house):
    house.files[b"file"] = [document_stamp(b"token"), pdf()]
    house.tokens[b"token"] = token(NOW - DAY, signature_valid=False)
    house.standing[SIGNER] = lambda at: Trust.REVOKED if at >= NOW - 3 * DAY else Trust.GOOD
    assert house.one(ContentType.PDF, content=None).message is MessageKey.REVOKED_UNPROVEN


def test_a_broken_document_time_stamp_proves_nothing_and_is_named(house):
    house.files[b"file"] = [pdf(), document_stamp(b"token", crypto_valid=False, failure=IntegrityFailure.DIGEST)]
    house.tokens[b"token"] = token(NOW - DAY)
    result = house.one(ContentType.PDF, content=None)
    assert not result.valid
    assert [c.indication for c in result.conclusions] == [Indication.TOTAL_PASSED, Indication.TOTAL_FAILED]
    assert result.conclusions[0].signed_at is None
    assert result.message is MessageKey.CHANGED_AFTER_SIGNING


def test_a_strict_policy_judges_authorities_when_their_tokens_are_proved_to_exist(house):
    house.files[b"file"] = [
        pdf(time_stamps=(TimeStampFound(b"first", COVERED),)),
        document_stamp(b"second"),
    ]
    house.tokens = {b"first": token(NOW - 9 * DAY), b"second": token(NOW - 5 * DAY)}
    house.policy = ETSI
    assert house.one(ContentType.PDF, content=None).valid
    assert [m["at"] for _, purpose, m in house.asked if purpose is Purpose.TIME_STAMPING] == [NOW, NOW - 5 * DAY]


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        ([None], MessageKey.VALID),
        ([None, None], MessageKey.ALL_VALID),
        ([IntegrityFailure.VALUE], MessageKey.NOT_VALID),
        ([IntegrityFailure.DIGEST], MessageKey.CHANGED_AFTER_SIGNING),
        ([None, IntegrityFailure.DIGEST], MessageKey.SOME_NOT_VALID),
        ([IntegrityFailure.DIGEST, IntegrityFailure.VALUE], MessageKey.SOME_NOT_VALID),
    ],
)
def test_one_message_stands_for_all_signatures(house, failures, message):
    house.files[b"file"] = [pdf(crypto_valid=failure is None, failure=failure) for failure in failures]
    result = house.one(ContentType.PDF, content=None)
    assert result.message is message
    assert result.valid is (message in (MessageKey.VALID, MessageKey.ALL_VALID))
    assert len(result.conclusions) == len(failures)


# ------------------------------------------------------------------ what a time-stamp proves


def stamp(name, kind):
    return TimeStampFound(name, COVERED, kind)


@pytest.mark.parametrize("kind", [TimeStampKind.CONTENT, TimeStampKind.REFERENCES])
def test_a_time_stamp_that_does_not_cover_the_value_proves_no_time_of_it(house, kind):
    house.files[b"file"] = [integrity(time_stamps=(stamp(b"token", kind),))]
    house.tokens[b"token"] = token(NOW - 5 * DAY)
    house.standing[SIGNER] = lambda at: Trust.EXPIRED if at > NOW - 2 * DAY else Trust.GOOD
    result = house.one()
    assert result.message is MessageKey.EXPIRED_UNPROVEN
    assert result.conclusions[0].signed_at is None


def test_a_content_time_stamp_proves_that_it_was_signed_afterwards(house):
    house.files[b"file"] = [integrity(time_stamps=(stamp(b"token", TimeStampKind.CONTENT),))]
    house.tokens[b"token"] = token(NOW - DAY)
    house.standing[SIGNER] = lambda at: Trust.EXPIRED if at > NOW - 2 * DAY else Trust.GOOD
    result = house.one()
    assert result.message is MessageKey.EXPIRED_CERTIFICATE
    assert result.conclusions[0].indication is Indication.TOTAL_FAILED


def test_an_archive_time_stamp_settles_the_time_and_proves_the_tokens_before_it(house):
    """Under a policy by which a token does not outlive its authority's certificate."""
    house.policy = ETSI
    house.files[b"file"] = [
        integrity(time_stamps=(stamp(b"first", TimeStampKind.SIGNATURE), stamp(b"second", TimeStampKind.ARCHIVE)))
    ]
    house.tokens = {
        b"first": token(NOW - 900 * DAY),
        b"second": token(NOW - 500 * DAY, certificate=b"second authority"),
    }
    house.standing[TSA] = lambda at: Trust.EXPIRED if at > NOW - 400 * DAY else Trust.GOOD
    house.standing[SIGNER] = lambda at: Trust.EXPIRED if at > NOW - 800 * DAY else Trust.GOOD
    result = house.one()
    assert result.valid
    assert result.conclusions[0].signed_at == NOW - 900 * DAY
    asked = [(certificate, more["at"]) for certificate, purpose, more in house.asked if purpose is not Purpose.SIGNING]
    assert asked == [(b"second authority", NOW), (TSA, NOW - 500 * DAY)]
    house.tokens[b"second"] = token(NOW - 500 * DAY, certificate=b"second authority", signature_valid=False)
    assert not house.one().valid


def test_a_time_stamp_after_an_archive_one_is_not_proved_by_it(house):
    house.policy = ETSI
    house.files[b"file"] = [
        integrity(time_stamps=(stamp(b"archive", TimeStampKind.ARCHIVE), stamp(b"later", TimeStampKind.ARCHIVE)))
    ]
    house.tokens = {b"archive": token(NOW - 9 * DAY), b"later": token(NOW - 5 * DAY)}
    house.one()
    assert [m["at"] for _, p, m in house.asked if p is Purpose.TIME_STAMPING] == [NOW, NOW - 5 * DAY]


def test_time_stamps_that_contradict_each_other_are_named(house):
    house.files[b"file"] = [
        integrity(time_stamps=(stamp(b"value", TimeStampKind.SIGNATURE), stamp(b"archive", TimeStampKind.ARCHIVE)))
    ]
    house.tokens = {b"value": token(NOW - DAY), b"archive": token(NOW - 2 * DAY)}
    result = house.one()
    assert result.message is MessageKey.TIME_STAMP_ORDER
    assert result.conclusions[0].sub_indication is SubIndication.TIMESTAMP_ORDER_FAILURE


def test_a_hundred_signatures_of_one_signer_ask_a_few_times(house):
    for number in range(100):
        name = f"token {number}".encode()
        house.files[name] = [integrity(time_stamps=(TimeStampFound(name, COVERED),))]
        house.tokens[name] = token(NOW - 2 * DAY + timedelta(seconds=number))
    judge = house.judge
    house.judge = lambda *given, **more: replace(judge(*given, **more), path=(b"signer", b"root"))
    results = house.batch(*(content(name) for name in house.files))
    assert all(result.valid for result in results)
    assert len(house.asked) <= 6


# ------------------------------------------------------------------ files that others made


def a_file(house, file_format=FileFormat.XADES, name=b"file", contents=(), judged=True, **more):
    operation = house.operation(readers=dict.fromkeys(FileFormat, house), judged=judged)
    return operation.verify_file(file_format, io.BytesIO(name), contents, **more)


def test_a_file_is_read_with_the_contents_beside_it(house):
    house.files[b"file"] = [integrity(covers=("a",))]
    beside = DetachedContent("a", digest_algorithm="sha256", digest=HASH)
    result = a_file(house, contents=[beside], as_stated=True)
    assert result.valid
    assert house.read_with == [([beside], True)]


def test_a_files_policy_may_be_chosen(house):
    house.files[b"file"] = [integrity(content_digest=DigestAlgorithm.SHA1)]
    assert a_file(house).valid
    assert a_file(house, policy=ETSI).message is MessageKey.WEAK_ALGORITHM


def test_a_file_without_signatures_or_that_cannot_be_read_says_so(house):
    house.files = {b"file": [], b"junk": UnreadableSignature("x"), b"odd": RuntimeError("x")}
    assert a_file(house).message is MessageKey.NOT_SIGNED
    result = a_file(house, name=b"junk")
    assert (result.message, result.indication, result.sub_indication) == (
        MessageKey.UNREADABLE,
        Indication.TOTAL_FAILED,
        SubIndication.FORMAT_FAILURE,
    )
    result = a_file(house, name=b"odd")
    assert (result.message, result.indication, result.sub_indication) == (
        MessageKey.UNDETERMINED,
        Indication.INDETERMINATE,
        None,
    )


def test_document_time_stamps_of_a_file_are_shown_though_they_sign_nothing(house):
    house.files[b"file"] = [document_stamp(b"token")]
    house.tokens[b"token"] = token(NOW - DAY)
    result = a_file(house, FileFormat.PADES)
    assert (result.valid, result.message) == (False, MessageKey.NOT_SIGNED)
    assert [c.indication for c in result.conclusions] == [Indication.TOTAL_PASSED]


def test_document_time_stamps_prove_earlier_entries_only_where_revisions_do(house):
    house.files[b"file"] = [pdf(), document_stamp(b"token")]
    house.tokens[b"token"] = token(NOW - DAY)
    assert a_file(house, FileFormat.PADES).conclusions[0].signed_at == NOW - DAY
    assert a_file(house, FileFormat.ASIC).conclusions[0].signed_at is None


def test_missing_content_is_no_failure_of_the_signature(house):
    house.files[b"file"] = [
        integrity(crypto_valid=False, structure_valid=None, failure=IntegrityFailure.CONTENT_MISSING)
    ]
    result = a_file(house)
    assert (result.message, result.indication, result.sub_indication) == (
        MessageKey.CONTENT_MISSING,
        Indication.INDETERMINATE,
        SubIndication.SIGNED_DATA_NOT_FOUND,
    )


def test_without_a_judge_integrity_and_policy_decide_and_nothing_has_passed(house):
    house.files[b"file"] = [integrity(time_stamps=(TimeStampFound(b"token", COVERED),))]
    house.tokens[b"token"] = token(NOW - DAY)
    result = a_file(house, judged=False)
    assert (result.valid, result.message) == (True, MessageKey.TRUST_NOT_JUDGED)
    assert (result.indication, result.sub_indication) == (
        Indication.INDETERMINATE,
        SubIndication.NO_CERTIFICATE_CHAIN_FOUND,
    )
    assert (result.conclusions[0].trust, result.conclusions[0].signed_at) == (None, NOW - DAY)
    assert house.asked == []
    house.strength = KeyStrength(KeyFamily.RSA, 512)
    assert a_file(house, judged=False).message is MessageKey.WEAK_ALGORITHM
    house.files[b"file"] = [integrity(certificate_reference_matches=False)]
    assert not a_file(house, judged=False).valid


@pytest.mark.parametrize(
    ("covers", "given", "valid"),
    [
        ((("a.txt",),), ("a.txt",), True),
        ((("content",),), (None,), True),
        ((("#object", "a.txt"),), ("a.txt",), True),
        ((("a.txt",), ("b.txt",)), ("a.txt", "b.txt"), True),
        ((("#object",),), ("a.txt",), False),
        ((("/",),), (None,), False),
        (((),), ("a.txt",), False),
        ((("a.txt",),), ("a.txt", "b.txt"), False),
        ((("#object",),), (), True),
    ],
)
def test_a_file_beside_that_no_signature_covers_is_not_called_signed(house, covers, given, valid):
    """An enveloping signature, however good, says nothing about what the caller holds."""
    house.files[b"file"] = [integrity(covers=names) for names in covers]
    result = a_file(house, contents=[DetachedContent(name, digest=HASH) for name in given])
    assert result.valid is valid
    assert all(c.accepted for c in result.conclusions)
    if not valid:
        assert (result.message, result.indication, result.sub_indication) == (
            MessageKey.OTHER_CONTENT,
            Indication.INDETERMINATE,
            SubIndication.SIGNED_DATA_NOT_FOUND,
        )


def test_a_hash_signature_is_never_judged_without_its_hash(house):
    """No second reader is asked that would be content with whatever the file itself brings."""
    house.files[b"file"] = [integrity(crypto_valid=False, structure_valid=None, failure=IntegrityFailure.OTHER_CONTENT)]
    operation = house.operation(readers=dict.fromkeys(FileFormat, house))
    assert not operation.verify_one(ContentType.HASH, io.BytesIO(b"file"), HASH).valid
    assert house.read_with == []


# ------------------------------------------------------------------ what was sent wrongly


@pytest.mark.parametrize("length", [1, 16, 19, 21, 33, 65])
def test_a_hash_of_no_accepted_length_is_named(house, length):
    assert house.one(content=b"x" * length).message is MessageKey.WRONG_HASH_LENGTH


@pytest.mark.parametrize("length", [20, 32, 48, 64])
def test_hashes_of_accepted_lengths_reach_the_engine(house, length):
    seen = []
    house.files[b"file"] = lambda content: seen.append(content) or [integrity()]
    assert house.one(content=b"x" * length).valid
    assert seen == [b"x" * length]


def test_a_pdf_sent_as_a_hash_signature_is_named(house):
    assert house.one(name=b"%PDF-1.7 ...").message is MessageKey.PDF_SENT_AS_HASH


def test_what_an_engine_cannot_read_is_unreadable(house):
    house.files[b"junk"] = UnreadableSignature("not a PDF")
    result = house.one(ContentType.PDF, name=b"junk", content=None)
    assert (result.message, result.valid) == (MessageKey.UNREADABLE, False)


@pytest.mark.parametrize("beginning", [b"<ds:Signature/>", b"<?xml version='1.0'?>", b"\xef\xbb\xbf<a/>"])
def test_an_xml_signature_sent_as_a_pdf_is_named(house, beginning):
    assert house.one(ContentType.PDF, name=beginning, content=None).message is MessageKey.XML_SENT_AS_PDF


@pytest.mark.parametrize("error", [RuntimeError("secret"), RecursionError(), MemoryError(), KeyError("x")])
def test_an_unforeseen_error_is_undetermined_recorded_and_not_quoted(house, error, capsys):
    house.files[b"file"] = error
    result = house.one()
    assert (result.message, result.conclusions) == (MessageKey.UNDETERMINED, ())
    recorded = "".join(capsys.readouterr())
    assert type(error).__name__ in recorded
    assert "secret" not in recorded


def test_a_service_that_is_busy_says_so_and_gives_no_verdict(house):
    """A valid signature must not be answered as one that cannot be determined."""
    house.files[b"file"] = ServiceBusy(20)
    with pytest.raises(ServiceBusy):
        house.one()


# ------------------------------------------------------------------ batches


def test_each_content_goes_alone_and_answers_keep_their_order(house):
    house.files = {b"good": [integrity()], b"bad": RuntimeError("x"), b"unreadable": UnreadableSignature("y")}
    results = house.batch(
        content(b"good", "1"), content(b"bad", "2"), content(b"unreadable", "3"), content(b"good", "4", b"short"),
        content(b"good"),
    )  # fmt: skip
    assert [(r.correlation_id, r.message) for r in results] == [
        ("1", MessageKey.VALID),
        ("2", MessageKey.UNDETERMINED),
        ("3", MessageKey.UNREADABLE),
        ("4", MessageKey.WRONG_HASH_LENGTH),
        (None, MessageKey.VALID),
    ]


def test_a_content_past_its_time_is_undetermined_with_its_own_reason_and_the_rest_go_on(house):
    held = threading.Event()
    house.files = {b"good": [integrity()], b"slow": lambda _content: held.wait(60) and [integrity()]}
    try:
        results = house.batch(content(b"good", "1"), content(b"slow", "2"), content(b"good", "3"), seconds_each=0.3)
    finally:
        held.set()
    assert [(r.correlation_id, r.message, r.valid) for r in results] == [
        ("1", MessageKey.VALID, True),
        ("2", MessageKey.OUT_OF_TIME, False),
        ("3", MessageKey.VALID, True),
    ]


def test_stored_signatures_are_read_and_let_go(house):
    here, gone = StoredContent(ContentId("here"), 4, b""), StoredContent(ContentId("gone"), 4, b"")
    house.stored["here"] = b"good"
    house.files[b"good"] = [pdf()]
    results = house.batch(content(here, original=None), content(gone, original=None), content_type=ContentType.PDF)
    assert [result.message for result in results] == [MessageKey.VALID, MessageKey.UNDETERMINED]
    assert house.deleted == ["here", "gone"]


def test_stored_signatures_are_let_go_also_when_the_request_is_refused(house):
    stored = StoredContent(ContentId("here"), 4, b"")
    with pytest.raises(InvalidRequest):
        house.batch(content(stored, "a"), content(stored, "a"), content_type=ContentType.PDF)
    assert "here" in house.deleted


@pytest.mark.parametrize(
    ("contents", "field"),
    [
        ((), "Contents"),
        ((content(correlation_id="a"), content(), content(correlation_id="a")), "Contents[2].CorrelationID"),
        ((content(), content(correlation_id="x" * 37)), "Contents[1].CorrelationID"),
        ((content(signature=b""),), "Contents[0].Signature"),
        ((content(), content(original=None)), "Contents[1].Content"),
        (tuple(content() for _ in range(4)), "Contents"),
    ],
)
def test_a_field_that_cannot_be_accepted_is_named_with_its_index(house, contents, field):
    with pytest.raises(InvalidRequest) as caught:
        house.batch(*contents, max_contents=3)
    assert caught.value.field == field
    assert house.asked == []


def test_equal_absent_correlation_ids_and_the_longest_one_are_accepted(house):
    house.files[b"file"] = [integrity()]
    results = house.batch(content(), content(), content(correlation_id="x" * 36))
    assert [result.valid for result in results] == [True, True, True]


def test_the_operation_knows_no_library_even_indirectly():
    source = Path(verify_signatures.__file__).read_text()
    imported = {n.module for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom) and n.module}
    assert imported
    script = (
        "import sys, gateway.operations.verify_signatures\n"
        "print([m for m in ('cryptography', 'lxml', 'pyhanko', 'asn1crypto', 'sqlalchemy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_changed_verdict_is_not_carried_over(house):
    """The same file judged twice under other facts has another conclusion: nothing is remembered here."""
    house.files[b"file"] = [integrity()]
    assert house.one().valid
    house.files[b"file"] = [replace(integrity(), crypto_valid=False, failure=IntegrityFailure.VALUE)]
    assert not house.one().valid
