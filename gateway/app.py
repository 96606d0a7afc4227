"""
Settings in, rooms wired, WSGI applications out: the only place that chooses implementations.

Build a ``House`` in each process, after the fork: nothing here opens a socket, a connection or a key before it is used,
and what is kept warm belongs to the house.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from gateway.asn1.names import dotnet_subject
from gateway.asn1.x509 import read_certificate
from gateway.domain.contents import ContentType
from gateway.domain.policy import POLICIES
from gateway.errors import ConfigurationError
from gateway.formats.api import SignatureEngine
from gateway.formats.pades.engine import PadesEngine
from gateway.formats.xades.engine import XadesEngine
from gateway.instruments.hosted_key import HostedKey
from gateway.instruments.registry import InstrumentRegistry
from gateway.keys.api import KeyStore
from gateway.keys.files import FileKeyStore
from gateway.keys.pkcs11 import Pkcs11KeyStore
from gateway.messages.catalog import load_catalog
from gateway.operations.completion import Completion
from gateway.operations.get_sign_response import GetSignResponse
from gateway.operations.maintenance import Maintenance
from gateway.operations.post_sign_request import PostSignRequest, RequestLimits
from gateway.operations.sign import Signing
from gateway.operations.verify_signatures import VerifySignatures
from gateway.pages.application import build_pages_wsgi
from gateway.settings import Environment, Settings, read_secret
from gateway.soap.application import build_soap_wsgi
from gateway.soap.faults import FaultCodeForm
from gateway.soap.limits import SoapLimits
from gateway.soap.published import contract_wsgi
from gateway.storage.database import open_database
from gateway.storage.files import FileContentStore
from gateway.storage.sql import (
    SqlAddressThrottle,
    SqlArrivalStore,
    SqlCertificateRegister,
    SqlConsumerDirectory,
    SqlRequestStore,
    SqlSignerKeyStore,
)
from gateway.timestamps.client import HttpTimeStamping
from gateway.timestamps.tokens import Rfc3161Reader
from gateway.trust.anchors import load_anchors
from gateway.trust.api import Purpose
from gateway.trust.fetching import HttpFetcher
from gateway.trust.judge import PathJudge
from gateway.trust.strength import key_strength

WsgiApplication = Callable[[dict[str, Any], Any], Any]
_THROTTLE_WINDOW = timedelta(minutes=10)


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
        trust = self.settings.trust
        fetcher = HttpFetcher(
            allowed_hosts=trust.allowed_hosts,
            allow_loopback=trust.allow_loopback,
            timeout=timedelta(seconds=trust.fetch_timeout_s),
        )
        signers = load_anchors(trust.signer_anchors, plain_number_issuers=trust.plain_number_issuers)
        anchors = {Purpose.SIGNING: signers, Purpose.TIME_STAMPING: load_anchors(trust.tsa_anchors)}
        # A sandbox revokes and looks at once; elsewhere a fetched response may serve for a while.
        if self.settings.environment is Environment.SANDBOX:
            return PathJudge(anchors, fetcher, ocsp_reuse=timedelta(0), crl_reuse=timedelta(0))
        return PathJudge(anchors, fetcher)

    @cached_property
    def authority(self) -> HttpTimeStamping:
        """The time-stamping authority. Raises ``ConfigurationError``."""
        stamps = self.settings.timestamps
        if not stamps.url:
            raise ConfigurationError("timestamps.url: is required")
        return HttpTimeStamping(
            stamps.name,
            stamps.url,
            timeout=timedelta(seconds=stamps.timeout_s),
            in_flight=stamps.in_flight,
            nonce=lambda: secrets.randbits(64),
            reader=self.tokens,
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
            ),
            utc_now,
            new_id,
        )

    @cached_property
    def get_sign_response(self) -> GetSignResponse:
        """GetSignResponse."""
        return GetSignResponse(self.requests, utc_now)

    @cached_property
    def verify_signatures(self) -> VerifySignatures:
        """VerifySignatures."""
        policy = next(p for p in POLICIES if p.name == self.settings.validation.policy)
        return VerifySignatures(
            self.engines,
            self.judge,
            self.tokens,
            self.contents,
            policy,
            utc_now,
            describe=dotnet_subject,
            strength=key_strength,
            max_contents=self.settings.limits.contents,
        )

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
        )

    @cached_property
    def maintenance(self) -> Maintenance:
        """What time makes due."""
        return Maintenance(self.requests, self.contents, self.settings.limits.retention, utc_now)


def soap_application(settings: Settings, certificate_of: Callable[[dict[str, Any]], bytes | None]) -> WsgiApplication:
    """The front door for consumers; *certificate_of* finds the connection's client certificate (DER)."""
    house, limits = House(settings), settings.limits
    return build_soap_wsgi(
        post=house.post_sign_request,
        get=house.get_sign_response,
        verify=house.verify_signatures,
        consumers=house.consumers,
        contents=house.contents,
        catalog=load_catalog(),
        certificate_of=certificate_of,
        location=settings.soap.public_url,
        limits=SoapLimits.of(contents=limits.contents, document=limits.document_bytes, batch=limits.batch_bytes),
        strict=settings.soap.strict,
        fault_codes=FaultCodeForm(settings.soap.fault_codes),
    )


def pages_application(settings: Settings) -> WsgiApplication:
    """The signer's pages, and beside them the contract for integrators (decision 17)."""
    house = House(settings)
    base_path = urlsplit(settings.pages.public_url).path

    def resolve(name: str | None) -> str | None:
        instrument = house.instruments.resolve(name)
        return instrument.name if instrument is not None else None

    pages = build_pages_wsgi(
        signing=house.signing,
        consumers=house.consumers,
        arrivals=house.arrivals,
        contents=house.contents,
        catalog=load_catalog(),
        resolve_instrument=resolve,
        secret_key=settings.pages.secret_key(),
        base_path=base_path,
        secure_cookies=settings.pages.secure,
        test_band=settings.environment is Environment.SANDBOX,
        time_zone=settings.pages.time_zone,
        clock=utc_now,
    )
    return DispatcherMiddleware(pages, {f"{base_path}MSign.svc": contract_wsgi(settings.soap.public_url)})
