"""
``gateway.toml`` and the environment into frozen settings, read once. Unknown and wrong settings are named kindly.

Every setting may also come from the environment as ``GATEWAY_SECTION__NAME``, which wins over the file. A secret is
given by a file of its own (``…_file``) or by the environment, never in ``gateway.toml`` itself. Relative paths are
relative to the folder of the file. docs/configuration.md is made from this module.
"""

from __future__ import annotations

import enum
import os
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from sqlalchemy.engine import make_url

from gateway.domain.parties import ConsumerLimits
from gateway.domain.policy import POLICIES
from gateway.errors import ConfigurationError

PREFIX = "GATEWAY_"
_MSIGN_INSTRUMENTS = ("mobile", "moldsign", "nationalid", "securesign", "tax", "mobisign")
_FILE_LIMIT = 1024 * 1024
_SECRET_LIMIT = 4096


class Environment(enum.Enum):
    """Where this gateway runs; sandboxes and development may use what production refuses."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"
    SANDBOX = "sandbox"


class _Section(BaseModel):
    """Frozen, strict about names; paths are made absolute against the settings' folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)

    @field_validator("*", mode="after")
    @classmethod
    def _absolute(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Path) and info.context:
            return (info.context["folder"] / value).absolute()
        return value


def read_secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    """
    A secret from the environment or from its file; one newline at the end is not part of it.

    Raises:
        ConfigurationError: It is neither here nor there, or the file cannot be read; names the setting.

    """
    if value is not None:
        return value.get_secret_value()
    if file is None:
        raise ConfigurationError(
            f"{name}: no secret given; set {name}_file, or {PREFIX}{name.upper().replace('.', '__')}"
        )
    try:
        with file.open(encoding="utf-8") as stream:
            text = stream.read(_SECRET_LIMIT + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{name}_file: {file} cannot be read ({type(error).__name__})") from None
    if len(text) > _SECRET_LIMIT or not text.strip():
        raise ConfigurationError(f"{name}_file: {file} is empty or too long for a secret")
    return text.removesuffix("\n")


class SoapSettings(_Section):
    """The front door for consumers."""

    bind: str = Field(default="127.0.0.1:8443", description="Address and port of the TLS listener.")
    public_url: str = Field(
        default="https://localhost:8443/MSign.svc", description="The address that the served WSDL names."
    )
    certificate: Path | None = Field(default=None, description="The server's TLS certificate and chain (PEM).")
    private_key: Path | None = Field(default=None, description="Its private key (PEM).")
    consumer_anchors: Path | None = Field(
        default=None, description="PEM file of the authorities that issue client certificates to consumers."
    )
    proxy_socket: Path | None = Field(
        default=None,
        description="A unix socket for a TLS proxy that passes X-Client-Verify, X-Client-Cert and X-Client-Address.",
    )
    workers: int = Field(default=2, ge=1, le=64, description="Worker processes.")
    threads: int = Field(default=8, ge=1, le=256, description="Threads of each worker.")
    handshake_timeout_s: float = Field(default=10.0, gt=0, description="Seconds that a TLS handshake may take.")
    strict: bool = Field(default=False, description="Refuse what WCF would skip: unknown elements and the like.")
    fault_codes: str = Field(
        default="envelope",
        pattern="^(envelope|contract|plain)$",
        description="How fault codes are written: `envelope` (s:Code), `contract` (own namespace) or `plain`.",
    )


class ConnectionSettings(_Section):
    """What every listener bears from its peers."""

    head_s: float = Field(
        default=20.0, gt=0, description="Seconds for a request's head and the first 64 KiB of its body."
    )
    idle_s: float = Field(default=15.0, gt=0, description="Seconds that a connection is kept for its next request.")
    stalled_s: float = Field(
        default=20.0, gt=0, description="Seconds without a byte of a body, or without a byte of an answer being read."
    )
    hurried_s: float = Field(
        default=2.0, gt=0, description="The same while half of a worker's threads wait for slow peers."
    )
    least_rate: int = Field(
        default=4096, ge=0, description="Bytes a second that bodies and answers must average beyond these; 0 for any."
    )
    transfer_s: float = Field(default=900.0, gt=0, description="Seconds of waiting for one body, or with one answer.")
    of_worker: int = Field(default=500, ge=16, le=10_000, description="Open connections of a worker.")
    per_address: int = Field(
        default=64, ge=0, description="Connections of one address (IPv6: /64) at one worker; more are closed at once."
    )
    exempt: tuple[str, ...] = Field(
        default=("127.0.0.0/8", "::1/128"),
        description="Addresses and networks whose connections are not counted, such as a proxy's.",
    )


class PageSettings(_Section):
    """The signer's pages."""

    bind: str = Field(default="127.0.0.1:8080", description="Address and port of the pages.")
    public_url: str = Field(
        default="http://localhost:8080/", description="The address that signers see; ends with a slash."
    )
    secret: SecretStr | None = Field(default=None, description="Signs page tokens; at least 32 characters.")
    secret_file: Path | None = Field(default=None, description="A file with that secret.")
    workers: int = Field(default=2, ge=1, le=64, description="Worker processes.")
    threads: int = Field(default=8, ge=1, le=256, description="Threads of each worker.")
    client_address_header: str | None = Field(
        default=None,
        pattern="^[A-Za-z0-9-]{1,64}$",
        description="The header in which the TLS proxy before the pages gives the browser's address; anybody could "
        "write it where there is no such proxy.",
    )
    time_zone: str = Field(default="Europe/Chisinau", description="Zone of the times that signers read.")

    @field_validator("public_url")
    @classmethod
    def _slash(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")) or not value.endswith("/"):
            raise ValueError("must be an http(s) address that ends with a slash")
        return value

    @property
    def secure(self) -> bool:
        """Whether browsers come by https, so that cookies can be `__Host-` ones."""
        return self.public_url.startswith("https://")

    def secret_key(self) -> bytes:
        """The secret. Raises ``ConfigurationError``."""
        secret = read_secret("pages.secret", self.secret, self.secret_file)
        if len(secret) < 32:
            raise ConfigurationError("pages.secret: must have at least 32 characters")
        return secret.encode()


class StorageSettings(_Section):
    """Where requests and contents lie."""

    database: str = Field(
        default="sqlite:///gateway.sqlite",
        description="`sqlite:///FILE` or `postgresql://USER@HOST/NAME`; a relative file lies beside the settings.",
    )
    database_password: SecretStr | None = Field(default=None, description="PostgreSQL's password.")
    database_password_file: Path | None = Field(default=None, description="A file with that password.")
    contents: Path = Field(default=Path("contents"), description="Folder of the content store.")

    @field_validator("database")
    @classmethod
    def _known(cls, value: str, info: ValidationInfo) -> str:
        if value.startswith("sqlite:///"):
            file = Path(value.removeprefix("sqlite:///"))
            folder = info.context["folder"] if info.context else Path()
            return f"sqlite:///{(folder / file).absolute()}"
        if value.startswith("postgresql://"):
            return value.replace("postgresql://", "postgresql+psycopg://", 1)
        raise ValueError("must begin with sqlite:/// or postgresql://")

    def url(self) -> str:
        """The database's address with its password. Raises ``ConfigurationError``."""
        if self.database_password is None and self.database_password_file is None:
            return self.database
        secret = read_secret("storage.database_password", self.database_password, self.database_password_file)
        return make_url(self.database).set(password=secret).render_as_string(hide_password=False)


class KeySettings(_Section):
    """Where private keys lie."""

    store: str = Field(
        default="pkcs11", pattern="^(pkcs11|files)$", description="`pkcs11`, or `files` (never in production)."
    )
    folder: Path | None = Field(default=None, description="Folder of `files`.")
    module: str | None = Field(default=None, description="Path of the PKCS#11 module.")
    token: str | None = Field(default=None, description="Label of the token.")
    pin: SecretStr | None = Field(default=None, description="The service's PIN for the token.")
    pin_file: Path | None = Field(default=None, description="A file with that PIN.")
    module_environment: dict[str, str] = Field(
        default_factory=dict, description="Environment variables that the module reads, such as SOFTHSM2_CONF."
    )


class TrustSettings(_Section):
    """Whose certificates are believed, and where their status is asked."""

    signer_anchors: Path = Field(default=Path("anchors/signers"), description="Folder of anchors for signers.")
    tsa_anchors: Path = Field(
        default=Path("anchors/tsa"), description="Folder of anchors for time-stamping authorities."
    )
    plain_number_issuers: tuple[str, ...] = Field(
        default=(), description="Authorities below which a plain serialNumber names a Moldovan person."
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Where given, status is fetched from these hosts alone."
    )
    allow_loopback: bool = Field(default=False, description="Fetch from this machine too; for sandboxes.")
    fetch_timeout_s: float = Field(default=5.0, gt=0, description="Seconds for one fetch altogether.")
    status_fresh_within_s: int = Field(
        default=300, ge=10, description="Age in seconds that a status may have before signing."
    )
    lists_url: str | None = Field(
        default=None, description="A list of trusted lists (ETSI TS 119 612); the lists that it names are used too."
    )
    lists_signers: Path | None = Field(
        default=None, description="Folder with the certificates of those who may sign the list of lists."
    )
    lists_territories: tuple[str, ...] = Field(
        default=(), description="Where given, only these territories' lists are used, such as `RO`."
    )
    national_list_url: str | None = Field(
        default=None, description="A trusted list that no list of lists names, such as Moldova's."
    )
    national_list_signers: Path | None = Field(
        default=None, description="Folder with the certificates of those who may sign the national list."
    )
    lists_folder: Path = Field(
        default=Path("trusted-lists"), description="Where lists are kept; writable by the gateway alone."
    )
    lists_mirror: Path | None = Field(
        default=None, description="A folder that lists are taken from instead of the network, named as addresses end."
    )
    lists_max_age_days: int = Field(
        default=14, ge=1, description="Days for which the last good list is used while refreshing fails."
    )


class TimeStampAuthoritySettings(_Section):
    """One time-stamping authority."""

    name: str = Field(default="tsa", description="What logs call it.")
    url: str = Field(description="Its address (RFC 3161 over HTTP).")
    policies: tuple[str, ...] = Field(default=(), description="Policies that its tokens may name; none: any.")
    per_second: float | None = Field(default=None, gt=0, description="Tokens a second, as agreed with it.")
    burst: int = Field(default=100, ge=1, description="Tokens at once after a quiet while, where a rate is set.")


class TimeStampSettings(_Section):
    """The time-stamping authority, and those that stand in for it."""

    name: str = Field(default="tsa", description="What logs call it.")
    url: str | None = Field(default=None, description="Its address (RFC 3161 over HTTP).")
    policies: tuple[str, ...] = Field(default=(), description="Policies that its tokens may name; none: any.")
    per_second: float | None = Field(default=None, gt=0, description="Tokens a second, as agreed with it.")
    burst: int = Field(default=100, ge=1, description="Tokens at once after a quiet while, where a rate is set.")
    others: tuple[TimeStampAuthoritySettings, ...] = Field(
        default=(),
        description="Authorities asked for what it leaves open, in order: tables with the same keys.",
    )
    timeout_s: float = Field(default=10.0, gt=0, description="Seconds for one token.")
    in_flight: int = Field(default=32, ge=1, le=256, description="Requests under way at once, at each.")

    def all_authorities(self) -> tuple[TimeStampAuthoritySettings, ...]:
        """The usual one first; none without *url*."""
        if not self.url:
            return ()
        first = TimeStampAuthoritySettings(
            name=self.name, url=self.url, policies=self.policies, per_second=self.per_second, burst=self.burst
        )
        return (first, *self.others)


class ValidationSettings(_Section):
    """How signatures are validated."""

    policy: str = Field(default="msign-compat", description="`msign-compat` or `etsi`.")
    open_to_all: bool = Field(
        default=True,
        description="Whether anybody may verify, at `verify` (a page) and `api` (REST) on the pages' port.",
    )
    files_per_address: int = Field(default=120, ge=1, description="Calls of one address there in ten minutes.")

    @field_validator("policy")
    @classmethod
    def _known(cls, value: str) -> str:
        names = [policy.name for policy in POLICIES]
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return value


class ReportSettings(_Section):
    """Reports of validations."""

    seal_certificate: Path | None = Field(
        default=None, description="Certificate and issuers (PEM) of the seal on XML reports; without it none is sealed."
    )
    seal_private_key: Path | None = Field(default=None, description="Its private key (PEM), of this gateway alone.")


class LimitSettings(_Section):
    """What is accepted."""

    contents: int = Field(default=1000, ge=1, description="Contents of a request.")
    document_bytes: int = Field(default=100_000_000, ge=1, description="Bytes of a PDF.")
    batch_bytes: int = Field(default=500_000_000, ge=1, description="Bytes of a request's contents together.")
    lifetime_s: int = Field(default=3600, ge=10, description="Seconds until a request expires.")
    retention_days: int = Field(default=30, ge=1, description="Days until a request is let go.")
    sha1_contents: bool = Field(default=True, description="Accept SHA-1 hashes from consumers.")
    moldovan_identifiers: bool = Field(default=True, description="ExpectedSigner.ID must have 13 digits.")
    inspecting_s: float = Field(
        default=60.0, gt=0, description="Seconds for looking into all documents of a request; the fault says so."
    )
    text_chars: int = Field(
        default=1_000_000,
        ge=10_000,
        description="Characters of a message's texts, contents apart; at least 1000 for each content are allowed.",
    )
    depth: int = Field(default=32, ge=16, le=200, description="Elements of a message nested in each other.")
    attributes: int = Field(default=32, ge=16, description="Attributes, and namespaces, of one element of a message.")
    large_bytes: int = Field(
        default=1_000_000, ge=0, description="Messages above so many bytes are counted in `large_in_flight_bytes`."
    )
    large_in_flight_bytes: int = Field(
        default=2_000_000_000,
        ge=1,
        description="Bytes of large messages that a worker takes at once (503); one alone is always taken.",
    )
    keep_free_bytes: int = Field(
        default=250_000_000,
        ge=0,
        description="Bytes that large messages leave free where contents are stored (503), for signed documents.",
    )
    consumer_open_requests: int = Field(
        default=10_000, ge=0, description="Requests of a consumer that wait to be signed; 0 for any number."
    )
    consumer_stored_bytes: int = Field(
        default=0, ge=0, description="Bytes of posted documents that are kept for a consumer; 0 for any number."
    )
    consumer_request_bytes: int = Field(
        default=0, ge=0, description="Bytes of a consumer's documents in one request; 0 for `batch_bytes` alone."
    )

    @property
    def of_consumer(self) -> ConsumerLimits:
        """What a consumer may use that has no limits of its own."""
        return ConsumerLimits(
            self.consumer_open_requests or None, self.consumer_stored_bytes or None, self.consumer_request_bytes or None
        )

    @property
    def lifetime(self) -> timedelta:
        """How long a request may be signed."""
        return timedelta(seconds=self.lifetime_s)

    @property
    def retention(self) -> timedelta:
        """How long a request is kept."""
        return timedelta(days=self.retention_days)


class InstrumentSettings(_Section):
    """What signers sign with."""

    names: dict[str, str] = Field(
        default_factory=lambda: dict.fromkeys(_MSIGN_INSTRUMENTS, "hosted"),
        description="MSign's instrument names, and the instrument here that each stands for.",
    )
    numbers_per_address: int = Field(
        default=60, ge=1, description="Personal numbers that one address may look up in ten minutes."
    )
    wrong_pins_per_address: int = Field(
        default=4,
        ge=1,
        description="Wrong PINs of one address at one key in ten minutes; below five, nobody locks another's key.",
    )


class SandboxSettings(_Section):
    """A test town beside this gateway; only in a sandbox."""

    folder: Path = Field(description="Folder of the sandbox's PKI.")
    bind: str = Field(default="127.0.0.1:8082", description="Address of its OCSP, CRLs and TSA.")


class Settings(_Section):
    """Everything that can be set."""

    environment: Environment = Field(
        default=Environment.PRODUCTION, description="`production`, `development` or `sandbox`."
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="What is logged.")
    soap: SoapSettings = Field(default_factory=SoapSettings)
    connections: ConnectionSettings = Field(default_factory=ConnectionSettings)
    pages: PageSettings = Field(default_factory=PageSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    keys: KeySettings = Field(default_factory=KeySettings)
    trust: TrustSettings = Field(default_factory=TrustSettings)
    timestamps: TimeStampSettings = Field(default_factory=TimeStampSettings)
    validation: ValidationSettings = Field(default_factory=ValidationSettings)
    reports: ReportSettings = Field(default_factory=ReportSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    instruments: InstrumentSettings = Field(default_factory=InstrumentSettings)
    sandbox: SandboxSettings | None = None


def load_settings(file: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """
    Read *file* and what *environ* (the process's by default) adds to it.

    Raises:
        ConfigurationError: One line for each setting that cannot be used, with its full name.

    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_FILE_LIMIT + 1)
        if len(data) > _FILE_LIMIT:
            raise ConfigurationError(f"{file}: larger than {_FILE_LIMIT} bytes")
        given: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: is not TOML ({error})") from None
    _refuse_secrets(file, given)
    _overlay(given, os.environ if environ is None else environ)
    return settings_from(given, file.absolute().parent)


def settings_from(given: Mapping[str, Any], folder: Path) -> Settings:
    """Settings from plain values, with paths relative to *folder*. Raises ``ConfigurationError``."""
    # Sections that are not given still have paths to be made absolute.
    whole = {name: {} for name, field in Settings.model_fields.items() if field.default_factory is not None} | dict(
        given
    )
    try:
        settings = Settings.model_validate(whole, context={"folder": folder})
    except ValidationError as error:
        raise ConfigurationError("\n".join(_worded(problem) for problem in error.errors())) from None
    if settings.environment is Environment.PRODUCTION:
        _refuse_in_production(settings)
    return settings


def _refuse_in_production(settings: Settings) -> None:
    refused = {
        "keys.store: files are for development and sandboxes; use pkcs11": settings.keys.store == "files",
        "sandbox: only with environment = 'sandbox'": settings.sandbox is not None,
        "trust.allow_loopback: only in development and sandboxes": settings.trust.allow_loopback,
        "pages.public_url: must be https in production": not settings.pages.secure,
    }
    problems = [text for text, found in refused.items() if found]
    if problems:
        raise ConfigurationError("\n".join(problems))


def _worded(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{name}: there is no such setting"
    if problem["type"] == "missing":
        return f"{name}: is required"
    return f"{name}: {problem['msg'].removeprefix('Value error, ')}"


_SECRETS = (("pages", "secret"), ("keys", "pin"), ("storage", "database_password"))


def _refuse_secrets(file: Path, given: Mapping[str, Any]) -> None:
    for section, name in _SECRETS:
        if isinstance(given.get(section), Mapping) and name in given[section]:
            raise ConfigurationError(f"{section}.{name}: keep secrets out of {file.name}; use {section}.{name}_file")


def _overlay(given: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Put ``GATEWAY_SECTION__NAME`` into *given*; values are read as TOML where they are, else as text."""
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        path = variable.removeprefix(PREFIX).lower().split("__")
        if path[0] not in Settings.model_fields:
            continue
        place = given
        for part in path[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise ConfigurationError(f"{variable}: {'.'.join(path[:-1])} is not a section")
        place[path[-1]] = text if tuple(path) in _SECRETS else _toml_value(text)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def shown(settings: Settings) -> dict[str, Any]:
    """The effective settings for people, secrets hidden."""
    values: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True)
    for section, name in _SECRETS:
        if name in values.get(section, {}):
            values[section][name] = "hidden"
    return values
