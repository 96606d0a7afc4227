"""
The sandbox's PKI is made, or found: keys, certificates, anchors as ``plan`` declares them.

Its description is written last, so that a half-made one is never opened.
"""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from gateway.errors import ConfigurationError
from gateway.issuing import profiles
from gateway.issuing.assembly import CertificateContent
from gateway.issuing.assembly import certificate as assemble
from gateway.issuing.local import random_serial
from gateway.keys.api import KeyStore
from gateway.sandbox import plan
from gateway.sandbox.files import PRIVATE, PUBLIC, new_private_key, pem, write_file
from gateway.sandbox.layout import (
    DESCRIPTION,
    VERSION,
    Sandbox,
    certificate_file,
    issuer,
    key_file,
    key_label,
    open_sandbox,
)

__all__ = ["Sandbox", "create_sandbox", "open_sandbox"]

AUTHORITIES_SINCE = timedelta(days=3 * 365)
"""Authorities began long ago, so that a person's certificate can have expired."""

AUTHORITIES_LAST = timedelta(days=18 * 365)
SERVICES_SINCE = timedelta(days=1)
SERVICES_LAST = timedelta(days=5 * 365)
_ANCHORS = {"signers": "root", "tsa": "time-stamping", "consumers": "tls"}


def create_sandbox(folder: Path, key_store: KeyStore, *, host: str = "127.0.0.1", port: int, now: datetime) -> Sandbox:
    """
    Make a sandbox in *folder*, or open the one that is there.

    Args:
        folder: made where it is missing, for its owner only.
        key_store: where the keys of authorities, responders and the time-stamping authority are made.
        host, port: where it will be served (``server``); the certificates name the address.
        now: when it is made.

    Raises:
        ConfigurationError: A sandbox for another address is there, or one that cannot be read.
        KeyStoreUnavailable: Keys cannot be made or opened.

    """
    if (folder / DESCRIPTION).exists():
        sandbox = open_sandbox(folder, key_store)
        if (sandbox.host, sandbox.port) != (host, port):
            raise ConfigurationError(
                f"sandbox: {folder} was made for {sandbox.base_url}; use that address, or another folder"
            )
        return sandbox
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    founding = _Founding(folder, key_store, host, port, now)
    founding.make()
    return open_sandbox(folder, key_store)


class _Founding:
    """One making of a sandbox, from the roots down."""

    def __init__(self, folder: Path, key_store: KeyStore, host: str, port: int, now: datetime) -> None:
        self._folder, self._key_store = folder, key_store
        self._host, self._port, self._now = host, port, now
        self._run = secrets.token_hex(4)
        self._made: dict[str, bytes] = {}

    def make(self) -> None:
        for authority in plan.AUTHORITIES:
            self._authority(authority)
        for service in plan.SERVICES:
            self._service(service)
        for name, der in self._made.items():
            write_file(certificate_file(self._folder, name), pem(der), PUBLIC)
        for purpose, name in _ANCHORS.items():
            write_file(self._folder / "anchors" / purpose / f"{name}.pem", pem(self._made[name]), PUBLIC)
        described = {
            "version": VERSION,
            "host": self._host,
            "port": self._port,
            "run": self._run,
            "created": self._now.isoformat(),
        }
        write_file(self._folder / DESCRIPTION, json.dumps(described, indent=2).encode() + b"\n", PRIVATE)

    def _authority(self, authority: plan.Authority) -> None:
        public_key = self._key_store.create_service_key(key_label(self._run, authority.name))
        subject = profiles.service_name(authority.common_name, plan.ORGANIZATION)
        extensions = profiles.authority(authority.path_length)
        period = (self._now - AUTHORITIES_SINCE, self._now + AUTHORITIES_LAST)
        if authority.issuer is None:
            completed = profiles.self_signed(extensions, public_key)
            self._issue(authority.name, authority.name, subject, subject, public_key, completed, period)
        else:
            self._below(authority.issuer, authority.name, subject, public_key, extensions, period)

    def _service(self, service: plan.Service) -> None:
        if service.in_key_store:
            public_key = self._key_store.create_service_key(key_label(self._run, service.name))
        else:
            public_key = new_private_key(key_file(self._folder, service.name))
        subject = profiles.service_name(service.common_name, plan.ORGANIZATION)
        if service is plan.STRANGER:
            subject = profiles.person_name(plan.STRANGER_PERSON)
        extensions = plan.extensions_of(service, self._host)
        period = (self._now - SERVICES_SINCE, self._now + SERVICES_LAST)
        self._below(service.issuer, service.name, subject, public_key, extensions, period)

    def _below(
        self,
        issuer_name: str,
        name: str,
        subject: x509.Name,
        public_key: bytes,
        extensions: profiles.Extensions,
        period: tuple[datetime, datetime],
    ) -> None:
        above = issuer(self._host, self._port, issuer_name, self._made[issuer_name])
        completed = profiles.below(above, extensions, public_key)
        self._issue(issuer_name, name, above.name, subject, public_key, completed, period)

    def _issue(
        self,
        issuer_name: str,
        name: str,
        issued_by: x509.Name,
        subject: x509.Name,
        public_key: bytes,
        extensions: profiles.Extensions,
        period: tuple[datetime, datetime],
    ) -> None:
        content = CertificateContent(
            serial=random_serial(),
            issuer=issued_by,
            subject=subject,
            public_key=public_key,
            not_before=period[0],
            not_after=period[1],
            extensions=extensions,
        )
        with self._key_store.open_service_key(key_label(self._run, issuer_name)) as key:
            self._made[name] = assemble(content, key)
