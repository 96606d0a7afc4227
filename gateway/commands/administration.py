"""Consumers, test persons, maintenance, migrations."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cryptography import x509
from cyclopts import App, Parameter
from rich.table import Column, Table

from gateway.app import House, new_id
from gateway.asn1.x509 import issuer_text, serial_text
from gateway.commands.common import DEFAULT_SETTINGS, Config, Exit, console, errors, settings_of
from gateway.domain.parties import Consumer, ConsumerId
from gateway.errors import ConfigurationError
from gateway.sandbox import persons as sandbox_persons
from gateway.settings import Environment
from gateway.storage.database import migrate as migrate_database

_CERTIFICATE_LIMIT = 64 * 1024

consumers = App(name="consumers", help="The information systems that may call us.")


@consumers.command
def add(
    name: str,
    *,
    certificate: Annotated[Path, Parameter(help="Its TLS client certificate (PEM or DER); the public part alone.")],
    return_origin: Annotated[
        tuple[str, ...], Parameter(help="scheme://host[:port] that browsers may return to; repeat for more.")
    ] = (),
    address: Annotated[tuple[str, ...], Parameter(help="Address or network it calls from; none means any.")] = (),
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """Register a consumer by its client certificate; without a return origin no browser can return to it."""
    found = _certificate(certificate)
    consumer = Consumer(
        ConsumerId(new_id()),
        name,
        issuer_text(found),
        serial_text(found.serial_number),
        return_origins=tuple(_origin(text) for text in return_origin),
        addresses=tuple(_network(text) for text in address),
    )
    House(settings_of(config)).consumers.add(consumer)
    console.print(f"{name}: registered, serial {consumer.serial}", markup=False)
    return Exit.DONE


@consumers.command(name="list")
def list_(*, config: Config = DEFAULT_SETTINGS) -> int:
    """List all consumers."""
    columns = [Column(name, overflow="fold") for name in ("name", "serial", "issuer", "return origins", "addresses")]
    table = Table(*columns, "state")
    for c in House(settings_of(config)).consumers.all():
        state = "enabled" if c.enabled else "disabled"
        table.add_row(c.name, c.serial, c.issuer, "\n".join(c.return_origins), "\n".join(c.addresses) or "any", state)
    console.print(table)
    return Exit.DONE


@consumers.command
def disable(name: str, *, config: Config = DEFAULT_SETTINGS) -> int:
    """Turn a consumer off: it is then answered as an unknown one."""
    if House(settings_of(config)).consumers.disable(name):
        console.print(f"{name}: disabled", markup=False)
        return Exit.DONE
    errors.print(f"{name}: there is no such consumer", markup=False)
    return Exit.NO


def persons(*, config: Config = DEFAULT_SETTINGS) -> int:
    """List the sandbox's test persons with their numbers and PINs."""
    if settings_of(config).environment is not Environment.SANDBOX:
        raise ConfigurationError("persons: there are test persons in a sandbox only")
    console.print(sandbox_persons.table(), markup=False, soft_wrap=True)
    return Exit.DONE


def maintain(*, config: Config = DEFAULT_SETTINGS) -> int:
    """Let go of what is past its time; meant for a timer, harmless when run twice."""
    report = House(settings_of(config)).maintenance()
    console.print(
        f"let go: {report.requests} requests past their retention with {report.contents_of_requests} contents, "
        f"{report.orphaned_contents} contents that nobody claimed",
        soft_wrap=True,
    )
    return Exit.DONE


def migrate(*, config: Config = DEFAULT_SETTINGS) -> int:
    """Bring the database to this version's shape."""
    console.print(migrate_database(House(settings_of(config)).database), markup=False, soft_wrap=True)
    return Exit.DONE


def _certificate(file: Path) -> x509.Certificate:
    try:
        with file.open("rb") as stream:
            data = stream.read(_CERTIFICATE_LIMIT)
        if b"PRIVATE KEY" in data:
            raise ConfigurationError(f"--certificate: {file} holds a private key; only the certificate is wanted")
        pem = data.lstrip().startswith(b"-----BEGIN")
        return x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--certificate: {file} is no readable certificate ({type(error).__name__})") from None


def _origin(text: str) -> str:
    """An origin in its normal form. Raises ``ConfigurationError``."""
    parts = urlsplit(text)
    bare = parts._replace(scheme="", netloc="").geturl().strip("/") == ""
    try:
        port = parts.port
    except ValueError:
        port, bare = None, False
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or not bare:
        raise ConfigurationError(f"--return-origin: {text} is not of the form scheme://host[:port]")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ConfigurationError(f"--address: {text} is no network address") from None
