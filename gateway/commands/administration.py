"""Consumers, test persons, maintenance, migrations."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cryptography import x509
from cyclopts import App, Parameter, validators
from rich.table import Column, Table

from gateway.app import House, new_id, utc_now
from gateway.asn1.x509 import issuer_text, serial_text
from gateway.commands.appearances import read_appearance
from gateway.commands.common import DEFAULT_SETTINGS, Config, Exit, console, errors, settings_of
from gateway.domain.parties import Consumer, ConsumerId, ConsumerLimits
from gateway.errors import ConfigurationError
from gateway.sandbox import persons as sandbox_persons
from gateway.settings import Environment
from gateway.storage.database import migrate as migrate_database

_CERTIFICATE_LIMIT = 64 * 1024

_NOT_NEGATIVE = validators.Number(gte=0)
OpenRequests = Annotated[
    int | None, Parameter(validator=_NOT_NEGATIVE, help="Requests that may wait to be signed; 0 for any number.")
]
StoredBytes = Annotated[
    int | None, Parameter(validator=_NOT_NEGATIVE, help="Bytes of documents that may be kept for it; 0 for any number.")
]
RequestBytes = Annotated[
    int | None,
    Parameter(validator=_NOT_NEGATIVE, help="Bytes of documents in one request; 0 for limits.batch_bytes alone."),
]

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
    open_requests: OpenRequests = None,
    stored_bytes: StoredBytes = None,
    request_bytes: RequestBytes = None,
    appearance: Annotated[
        Path | None, Parameter(help="TOML file: how its signatures in PDFs are to be seen; none means not at all.")
    ] = None,
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """Register a consumer by its client certificate; without a return origin no browser can return to it."""
    found = _certificate(certificate)
    seen = read_appearance(appearance) if appearance is not None else None
    consumer = Consumer(
        ConsumerId(new_id()),
        name,
        issuer_text(found),
        serial_text(found.serial_number),
        return_origins=tuple(_origin(text) for text in return_origin),
        addresses=tuple(_network(text) for text in address),
        limits=ConsumerLimits(open_requests, stored_bytes, request_bytes),
    )
    directory = House(settings_of(config)).consumers
    directory.add(consumer)
    if seen is not None:
        directory.show(name, seen)
    console.print(f"{name}: registered, serial {consumer.serial}", markup=False)
    return Exit.DONE


@consumers.command(name="list")
def list_(*, config: Config = DEFAULT_SETTINGS) -> int:
    """List all consumers."""
    names = ("name", "serial", "issuer", "return origins", "addresses", "limits")
    columns = [Column(name, overflow="fold") for name in names]
    table = Table(*columns, "state")
    directory = House(settings_of(config)).consumers
    for c in directory.all():
        state = "enabled" if c.enabled else "disabled"
        if directory.appearance(c.id) is not None:
            state += ",\nvisible\nsignatures"
        origins, addresses = "\n".join(c.return_origins), "\n".join(c.addresses) or "any"
        table.add_row(c.name, c.serial, c.issuer, origins, addresses, _limits_text(c.limits), state)
    console.print(table)
    return Exit.DONE


@consumers.command
def disable(name: str, *, config: Config = DEFAULT_SETTINGS) -> int:
    """Turn a consumer off: it is then answered as an unknown one."""
    return _told(name, "disabled", found=House(settings_of(config)).consumers.disable(name))


@consumers.command
def enable(name: str, *, config: Config = DEFAULT_SETTINGS) -> int:
    """Turn a consumer on again."""
    return _told(name, "enabled", found=House(settings_of(config)).consumers.enable(name))


@consumers.command
def renew(
    name: str,
    *,
    certificate: Annotated[Path, Parameter(help="Its next TLS client certificate (PEM or DER).")],
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """Replace a consumer's certificate; its name, settings and requests stay. The old one is unknown at once."""
    found = _certificate(certificate)
    serial = serial_text(found.serial_number)
    renewed = House(settings_of(config)).consumers.renew(name, issuer_text(found), serial)
    return _told(name, f"renewed, serial {serial}", found=renewed)


@consumers.command
def limits(
    name: str,
    *,
    open_requests: OpenRequests = None,
    stored_bytes: StoredBytes = None,
    request_bytes: RequestBytes = None,
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """Give a consumer limits of its own in place of those it has; what is not named is as the settings say."""
    own = ConsumerLimits(open_requests, stored_bytes, request_bytes)
    found = House(settings_of(config)).consumers.limit(name, own)
    return _told(name, _limits_text(own).replace("\n", ", "), found=found)


@consumers.command(name="appearance")
def appearance_(
    name: str,
    file: Annotated[Path | None, Parameter(help="TOML file: how its signatures in PDFs are to be seen.")] = None,
    *,
    invisible: Annotated[bool, Parameter(negative="", help="Not at all, as before any file.")] = False,
    config: Config = DEFAULT_SETTINGS,
) -> int:
    """Say how a consumer's signatures in PDFs are to be seen, from the next signing on; in place of what was said."""
    if (file is None) != invisible:
        raise ConfigurationError("appearance: name either a file or --invisible")
    seen = read_appearance(file) if file is not None else None
    found = House(settings_of(config)).consumers.show(name, seen)
    return _told(name, "signatures in PDFs are " + ("invisible" if invisible else "visible"), found=found)


def _told(name: str, done: str, *, found: bool) -> int:
    if found:
        console.print(f"{name}: {done}", markup=False, soft_wrap=True)
        return Exit.DONE
    errors.print(f"{name}: there is no such consumer", markup=False)
    return Exit.NO


def _limits_text(limits: ConsumerLimits) -> str:
    said = {
        "open requests": limits.open_requests,
        "stored bytes": limits.stored_bytes,
        "request bytes": limits.request_bytes,
    }
    words = [f"{value or 'any'} {name}" for name, value in said.items() if value is not None]
    return "\n".join(words) or "as the settings say"


def persons(*, config: Config = DEFAULT_SETTINGS) -> int:
    """List the sandbox's test persons with their numbers and PINs."""
    if settings_of(config).environment is not Environment.SANDBOX:
        raise ConfigurationError("persons: there are test persons in a sandbox only")
    console.print(sandbox_persons.table(), markup=False, soft_wrap=True)
    return Exit.DONE


def maintain(*, config: Config = DEFAULT_SETTINGS) -> int:
    """Let go of what is past its time, and renew trusted lists; meant for a timer, harmless when run twice."""
    house = House(settings_of(config))
    report = house.maintenance()
    console.print(
        f"let go: {report.requests} requests past their retention with {report.contents_of_requests} contents, "
        f"{report.jobs} verification jobs, {report.orphaned_contents} contents that nobody claimed",
        soft_wrap=True,
    )
    return _renew_lists(house)


def _renew_lists(house: House) -> int:
    """Exit 1 where a list could not be renewed: the last good one serves until it is too old."""
    refresher = house.list_refresher
    if refresher is None:
        return Exit.DONE
    found = refresher(utc_now())
    console.print(
        f"trusted lists: {found.renewed} renewed, {found.unchanged} unchanged, {found.services} services of use",
        soft_wrap=True,
    )
    for address, reason in found.failures:
        errors.print(f"{address}: {reason}", markup=False)
    return Exit.NO if found.failures else Exit.DONE


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
