"""
Settings in, rooms wired: the only place that chooses implementations. ``doors`` puts them behind addresses.

Build a ``House`` in each process, after the fork: nothing here opens a socket, a connection or a key before it is used,
and what is kept warm belongs to the house.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, BinaryIO

from sqlalchemy import Engine

from gateway.asn1.names import dotnet_subject
from gateway.asn1.x509 import read_certificate
from gateway.domain.contents import ContentType
from gateway.domain.messages import Language, MessageKey
from gateway.domain.policy import POLICIES
from gateway.domain.verdicts import Trust
from gateway.domain.verification import DetachedContent, FileFormat, VerificationResult, format_of
from gateway.errors import ConfigurationError
from gateway.formats.api import SignatureEngine, SignatureReader
from gateway.formats.asic.reader import AsicReader
from gateway.formats.pades.augmenting import PadesAugmenter
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.pades.reader import PadesReader
from gateway.formats.xades.augmenting import XadesAugmenter
from gateway.formats.xades.engine import XadesEngine
from gateway.formats.xades.reader import XadesReader
from gateway.instruments.hosted_key import HostedKey
from gateway.instruments.registry import InstrumentRegistry
from gateway.keys.api import KeyStore
from gateway.keys.files import FileKeyStore
from gateway.keys.pkcs11 import Pkcs11KeyStore
from gateway.messages.catalog import load_catalog
from gateway.operations.augment import Augment
from gateway.operations.completion import Completion
from gateway.operations.get_sign_response import GetSignResponse
from gateway.operations.maintenance import Maintenance
from gateway.operations.post_sign_request import PostSignRequest, RequestLimits
from gateway.operations.sign import Signing
from gateway.operations.verification_jobs import VerificationJobs
from gateway.operations.verify_signatures import VerifySignatures
from gateway.reports.api import facts_of
from gateway.reports.sealing import XadesSeal
from gateway.settings import Environment, Settings, read_secret
from gateway.storage.database import open_database
from gateway.storage.files import FileContentStore
from gateway.storage.sql import (
    SqlAddressThrottle,
    SqlArrivalStore,
    SqlCertificateRegister,
    SqlConsumerDirectory,
    SqlRequestStore,
    SqlSignerKeyStore,
    SqlVerificationJobStore,
)
from gateway.timestamps.client import HttpTimeStamping
from gateway.timestamps.pool import PoolMember, TimeStampingPool
from gateway.timestamps.tokens import Rfc3161Reader
from gateway.trust.anchors import TrustAnchors, load_anchors
from gateway.trust.api import Purpose
from gateway.trust.evidence import FetchedEvidence
from gateway.trust.fetching import HttpFetcher
from gateway.trust.judge import PathJudge
from gateway.trust.list_signature import LIST_LIMIT
from gateway.trust.list_store import ListStore
from gateway.trust.lists import FolderOfLists, ListReader, ListRefresher, ListSource, ReadLists, pinned_sources
from gateway.trust.strength import key_strength

WsgiApplication = Callable[[dict[str, Any], Any], Any]
_THROTTLE_WINDOW = timedelta(minutes=10)
_LIST_FETCH_TIMEOUT = timedelta(minutes=1)
_SECONDS_EACH, _SECONDS_ALL = 30.0, 240.0
"""Of one content, and of all contents of one verification call; consumers' clients wait minutes, not longer."""


def utc_now() -> datetime:
    """The gateway's clock."""
    return datetime.now(UTC)


def new_id() -> str:
    """128 random bits in hexadecimal: request ids are bearer secrets (decision 8)."""
    return secrets.token_hex(16)


class House:
    """Every room of one process, built when first entered."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened."""
        self.settings = settings

    @cached_property
    def database(self) -> Engine:
        """The database, unconnected."""
        return open_database(self.settings.storage.url())

    @cached_property
    def contents(self) -> FileContentStore:
        """The content store."""
        return FileContentStore(self.settings.storage.contents, new_id)

    @cached_property
    def requests(self) -> SqlRequestStore:
        """Requests and their progress."""
        return SqlRequestStore(self.database)

    @cached_property
    def consumers(self) -> SqlConsumerDirectory:
        """Registered consumers."""
        return SqlConsumerDirectory(self.database)

    @cached_property
    def arrivals(self) -> SqlArrivalStore:
        """How browsers came."""
        return SqlArrivalStore(self.database)

    @cached_property
    def signer_keys(self) -> SqlSignerKeyStore:
        """Signers' sealed keys."""
        return SqlSignerKeyStore(self.database)

    @cached_property
    def register(self) -> SqlCertificateRegister:
        """What our own authorities issued."""
        return SqlCertificateRegister(self.database)

    @cached_property
    def key_store(self) -> KeyStore:
        """Where keys lie. Raises ``ConfigurationError``."""
        keys = self.settings.keys
        if keys.store == "files":
            if keys.folder is None:
                raise ConfigurationError("keys.folder: is required with store = 'files'")
            return FileKeyStore(keys.folder)
        if not keys.module or not keys.token:
            raise ConfigurationError("keys.module, keys.token: are required with store = 'pkcs11'")
        os.environ.update(keys.module_environment)  # modules read it when they are loaded
        return Pkcs11KeyStore(keys.module, keys.token, lambda: read_secret("keys.pin", keys.pin, keys.pin_file))

    @cached_property
    def engines(self) -> Mapping[ContentType, SignatureEngine]:
        """One per content type."""
        return {ContentType.HASH: XadesEngine(), ContentType.PDF: PadesEngine()}

    @cached_property
    def tokens(self) -> Rfc3161Reader:
        """Reads time-stamp tokens."""
        return Rfc3161Reader()

    @cached_property
    def judge(self) -> PathJudge:
        """Why a certificate is believed. Raises ``ConfigurationError``."""
        # A sandbox revokes and looks at once; elsewhere a fetched response may serve for a while.
        if self.settings.environment is Environment.SANDBOX:
            return self._judge_with(self._fetcher())
        return PathJudge(self._anchors, self._fetcher(), lists=self._lists)

    def _judge_with(self, fetcher: HttpFetcher | None) -> PathJudge:
        """One that uses no answer twice."""
        never = timedelta(0)
        return PathJudge(self._anchors, fetcher, ocsp_reuse=never, crl_reuse=never, lists=self._lists)

    def _fetcher(self) -> HttpFetcher:
        trust = self.settings.trust
        return HttpFetcher(
            allowed_hosts=trust.allowed_hosts,
            allow_loopback=trust.allow_loopback,
            timeout=timedelta(seconds=trust.fetch_timeout_s),
        )

    @cached_property
    def _anchors(self) -> Mapping[Purpose, TrustAnchors]:
        trust = self.settings.trust
        signers = load_anchors(trust.signer_anchors, plain_number_issuers=trust.plain_number_issuers)
        return {Purpose.SIGNING: signers, Purpose.TIME_STAMPING: load_anchors(trust.tsa_anchors)}

    @cached_property
    def _lists(self) -> ReadLists | None:
        sources = self.list_sources
        max_age = timedelta(days=self.settings.trust.lists_max_age_days)
        return ListReader(self._list_store, sources, max_age=max_age).index if sources else None

    @cached_property
    def list_sources(self) -> tuple[ListSource, ...]:
        """The trusted lists with pinned signers. Raises ``ConfigurationError``."""
        trust = self.settings.trust
        return pinned_sources(
            (
                ("lists", trust.lists_url, trust.lists_signers, True),
                ("national_list", trust.national_list_url, trust.national_list_signers, False),
            )
        )

    @property
    def _list_store(self) -> ListStore:
        return ListStore(self.settings.trust.lists_folder)

    @cached_property
    def list_refresher(self) -> ListRefresher | None:
        """Keeps trusted lists up to date, for maintenance; None without lists. Raises ``ConfigurationError``."""
        trust = self.settings.trust
        if not self.list_sources:
            return None
        fetcher = HttpFetcher(allow_loopback=trust.allow_loopback, timeout=_LIST_FETCH_TIMEOUT, max_bytes=LIST_LIMIT)
        mirror = FolderOfLists(trust.lists_mirror) if trust.lists_mirror is not None else None
        return ListRefresher(
            self._list_store, self.list_sources, mirror or fetcher, territories=trust.lists_territories
        )

    @cached_property
    def authorities(self) -> tuple[HttpTimeStamping, ...]:
        """The time-stamping authorities, the usual one first. Raises ``ConfigurationError``."""
        stamps = self.settings.timestamps
        if not stamps.url:
            raise ConfigurationError("timestamps.url: is required")
        return tuple(
            HttpTimeStamping(
                one.name,
                one.url,
                timeout=timedelta(seconds=stamps.timeout_s),
                in_flight=stamps.in_flight,
                nonce=lambda: secrets.randbits(64),
                reader=self.tokens,
                accept_certificate=self._why_not_stamp_with,
                policies=frozenset(one.policies),
            )
            for one in stamps.all_authorities()
        )

    @cached_property
    def _why_not_stamp_with(self) -> Callable[[bytes, Sequence[bytes]], str | None] | None:
        """
        Why a token under a certificate would not be believed, or None: its path and usage, without asking anybody.

        Where no authority is trusted for time-stamps, whatever the configured one gives is taken.
        """
        if self.settings.trust.tsa_anchors is None and self._lists is None:
            return None
        judge = PathJudge(self._anchors, None, lists=self._lists)

        def why(certificate: bytes, others: Sequence[bytes]) -> str | None:
            now = utc_now()
            verdict = judge.judge(certificate, Purpose.TIME_STAMPING, at=now, now=now, others=others)
            if verdict.trust in (Trust.GOOD, Trust.STATUS_UNKNOWN):
                return None
            return f"authority's certificate: {verdict.trust.value}"

        return why

    @cached_property
    def authority(self) -> TimeStampingPool:
        """All of them as one. Raises ``ConfigurationError``."""
        return TimeStampingPool(
            [
                PoolMember(one.name, client, one.per_second, one.burst)
                for one, client in zip(self.settings.timestamps.all_authorities(), self.authorities, strict=True)
            ]
        )

    @cached_property
    def instruments(self) -> InstrumentRegistry:
        """What signers sign with."""
        tries = self.settings.instruments
        hosted = HostedKey(
            self.signer_keys,
            self.key_store,
            self._throttle("numbers", tries.numbers_per_address),
            self._throttle("wrong PINs", tries.wrong_pins_per_address),
            read_certificate,
        )
        return InstrumentRegistry([hosted], self.settings.instruments.names)

    def _throttle(self, purpose: str, tries: int) -> SqlAddressThrottle:
        """Each purpose counts under a key of its own, all made of the page secret."""
        key = hmac.digest(self.settings.pages.secret_key(), f"address throttle: {purpose}".encode(), "sha256")
        return SqlAddressThrottle(self.database, tries=tries, window=_THROTTLE_WINDOW, key=key)

    # ------------------------------------------------------------------ operations

    @cached_property
    def post_sign_request(self) -> PostSignRequest:
        """PostSignRequest."""
        limits = self.settings.limits
        return PostSignRequest(
            self.requests,
            self.contents,
            self.engines,
            RequestLimits(
                contents=limits.contents,
                document_bytes=limits.document_bytes,
                batch_bytes=limits.batch_bytes,
                lifetime=limits.lifetime,
                sha1_contents=limits.sha1_contents,
                moldovan_identifiers=limits.moldovan_identifiers,
                consumer=limits.of_consumer,
                inspecting=timedelta(seconds=limits.inspecting_s),
            ),
            utc_now,
            new_id,
            appearance_of=self.consumers.appearance,
        )

    @cached_property
    def get_sign_response(self) -> GetSignResponse:
        """GetSignResponse."""
        return GetSignResponse(self.requests, utc_now)

    @cached_property
    def readers(self) -> Mapping[FileFormat, SignatureReader]:
        """One per format of files that others made."""
        return {FileFormat.XADES: XadesReader(), FileFormat.PADES: PadesReader(), FileFormat.ASIC: AsicReader()}

    @cached_property
    def verify_signatures(self) -> VerifySignatures:
        """VerifySignatures."""
        return self.verification(self.settings.validation.policy)

    def verification(self, policy: str, *, anchored: bool = True) -> VerifySignatures:
        """
        VerifySignatures under the policy of that name; not *anchored*, it judges nobody's certificate.

        Raises ``ConfigurationError``.
        """
        chosen = next((p for p in POLICIES if p.name == policy), None)
        if chosen is None:
            raise ConfigurationError(f"policy: must be one of {', '.join(p.name for p in POLICIES)}")
        return VerifySignatures(
            self.engines,
            self.judge if anchored else None,
            self.tokens,
            self.contents,
            chosen,
            utc_now,
            describe=dotnet_subject,
            strength=key_strength,
            readers=self.readers,
            max_contents=self.settings.limits.contents,
            seconds_each=_SECONDS_EACH,
            seconds_all=_SECONDS_ALL,
        )

    @cached_property
    def report_seal(self) -> XadesSeal | None:
        """What seals XML reports; None where nothing does. Raises ``ConfigurationError``."""
        reports = self.settings.reports
        if reports.seal_certificate is None and reports.seal_private_key is None:
            return None
        if reports.seal_certificate is None or reports.seal_private_key is None:
            raise ConfigurationError("reports.seal_certificate, reports.seal_private_key: go together")
        return XadesSeal(reports.seal_certificate, reports.seal_private_key)

    @cached_property
    def signing(self) -> Signing:
        """The sign page's work."""
        return Signing(
            self.requests,
            self.contents,
            self.engines,
            self.instruments,
            self.judge,
            Completion(self.contents, self.engines, self.authority),
            read_certificate=read_certificate,
            clock=utc_now,
            new_id=new_id,
            status_fresh_within=timedelta(seconds=self.settings.trust.status_fresh_within_s),
            appearance_of=self.consumers.appearance,
        )

    @cached_property
    def augment(self) -> Augment:
        """Makes finished signatures last."""
        return Augment(
            self.readers,
            {FileFormat.XADES: XadesAugmenter(), FileFormat.PADES: PadesAugmenter(new_id)},
            self.tokens,
            FetchedEvidence(self._judge_with, self._fetcher()),
            self.authority,
            utc_now,
        )

    @cached_property
    def verification_jobs(self) -> VerificationJobs:
        """Verifications that are answered later."""
        store = SqlVerificationJobStore(self.database)
        return VerificationJobs(store, self.contents, self.verify_any, self.verification_facts, utc_now, new_id)

    def verify_any(
        self,
        file_format: FileFormat | None,
        signature: BinaryIO,
        contents: Sequence[DetachedContent],
        *,
        as_stated: bool = False,
        policy: str | None = None,
    ) -> VerificationResult:
        """One file of whatever format, under the policy of that name or the usual one."""
        chosen = file_format or format_of(signature)
        if chosen is None:
            return VerificationResult(None, (), MessageKey.UNKNOWN_FORMAT)
        name = policy or self.settings.validation.policy
        operation = self._verifications.get(name)
        if operation is None:
            operation = self._verifications.setdefault(name, self.verification(name))
        return operation.verify_file(chosen, signature, contents, as_stated=as_stated)

    @cached_property
    def _verifications(self) -> dict[str, VerifySignatures]:
        return {}

    def verification_facts(self, file_id: str | None, result: VerificationResult, language: Language) -> dict[str, Any]:
        """What programs are told of a file, with its sentence."""
        return {**facts_of(file_id, result), "message": load_catalog().text(result.message.value, language)}

    @cached_property
    def verification_throttle(self) -> SqlAddressThrottle:
        """Slows down one address at the doors where anybody may have signatures verified."""
        return self._throttle("verification", self.settings.validation.files_per_address)

    @cached_property
    def maintenance(self) -> Maintenance:
        """What time makes due."""
        return Maintenance(
            self.requests, self.contents, self.settings.limits.retention, utc_now, self.verification_jobs.purge
        )
