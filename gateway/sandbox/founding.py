"""
A whole sandbox in one folder: settings, database, keys, PKI, a consumer, persons. Made once, found again afterwards.

Run it in a process of its own: it opens the key store, and an HSM that was opened does not survive a fork.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from gateway.app import House, new_id, utc_now
from gateway.asn1.x509 import issuer_text, serial_text
from gateway.domain.parties import Consumer, ConsumerId
from gateway.errors import ConfigurationError, GatewayError
from gateway.sandbox import plan
from gateway.sandbox.files import PRIVATE, write_file
from gateway.sandbox.layout import DESCRIPTION, Sandbox, open_sandbox
from gateway.sandbox.persons import enrol_persons
from gateway.sandbox.pki import create_sandbox
from gateway.sandbox.softhsm import create_token, use_token
from gateway.settings import load_settings
from gateway.storage.database import migrate

SETTINGS = "gateway.toml"
CONSUMER_NAME = plan.CONSUMER.common_name
_LABEL = "gateway"
_PIN_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Places:
    """Where a sandbox lies and answers; everything of it is below *data*, and every port is on loopback."""

    data: Path
    soap_port: int = 8443
    page_port: int = 8080
    sandbox_port: int = 8082
    hsm: bool = False

    @property
    def settings_file(self) -> Path:
        """The gateway's settings."""
        return self.data / SETTINGS

    @property
    def sandbox_folder(self) -> Path:
        """The PKI."""
        return self.data / "sandbox"


def found(places: Places) -> Sandbox:
    """
    Make the sandbox, or find the one that is there and bring its settings up to date.

    The ports of SOAP and pages may change with every run; the sandbox's own is named in certificates and stays.

    Raises:
        ConfigurationError: The folder holds a sandbox with other keys, or SoftHSM2 is missing (with the install line).
        KeyStoreUnavailable: The keys cannot be made or opened.

    """
    places.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = _key_settings(places)
    port = _port(places)
    write_file(places.settings_file, _settings(places, keys, port).encode(), PRIVATE)
    _secret(places.data / "secrets" / "pages", secrets.token_hex(32))
    house = House(load_settings(places.settings_file))
    migrate(house.database)
    now = utc_now()
    sandbox = create_sandbox(places.sandbox_folder, house.key_store, port=port, now=now)
    _register_consumer(house, sandbox)
    enrol_persons(sandbox, house.key_store, house.signer_keys, house.register, now)
    return sandbox


def _port(places: Places) -> int:
    if (places.sandbox_folder / DESCRIPTION).exists():
        return open_sandbox(places.sandbox_folder).port
    return places.sandbox_port


def _key_settings(places: Places) -> Sequence[str]:
    """The lines of ``[keys]``; a folder keeps the kind of key store that it began with."""
    files, token = places.data / "keys", places.data / "softhsm"
    if (token if not places.hsm else files).exists():
        kind = "without" if places.hsm else "with"
        raise ConfigurationError(f"--hsm: {places.data} was made {kind} it; choose another --data folder")
    if not places.hsm:
        return ('store = "files"', 'folder = "keys"')
    pin_file = places.data / "secrets" / "hsm-pin"
    _secret(pin_file, _digits(_PIN_DIGITS))
    configuration = create_token(token, _LABEL, pin_file.read_text(encoding="utf-8").strip(), _digits(_PIN_DIGITS))
    module = use_token(configuration)
    return (
        'store = "pkcs11"',
        f'module = "{module}"',
        f'token = "{_LABEL}"',
        'pin_file = "secrets/hsm-pin"',
        f'module_environment = {{ SOFTHSM2_CONF = "{configuration.absolute()}" }}',
    )


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _secret(file: Path, value: str) -> None:
    if not file.exists():
        write_file(file, value.encode() + b"\n", PRIVATE)


def _settings(places: Places, keys: Sequence[str], sandbox_port: int) -> str:
    lines = [
        "# Made by the sandbox; made anew with every start. Nothing here is for production.",
        'environment = "sandbox"',
        'log_level = "INFO"',
        "[soap]",
        f'bind = "127.0.0.1:{places.soap_port}"',
        f'public_url = "https://localhost:{places.soap_port}/MSign.svc"',
        f'certificate = "sandbox/certificates/{plan.SERVER.name}.pem"',
        f'private_key = "sandbox/private/{plan.SERVER.name}.pem"',
        'consumer_anchors = "sandbox/anchors/consumers/tls.pem"',
        "workers = 1",
        "[pages]",
        f'bind = "127.0.0.1:{places.page_port}"',
        f'public_url = "http://localhost:{places.page_port}/"',
        'secret_file = "secrets/pages"',
        "workers = 1",
        "[storage]",
        'database = "sqlite:///gateway.sqlite"',
        'contents = "contents"',
        "[keys]",
        *keys,
        "[trust]",
        'signer_anchors = "sandbox/anchors/signers"',
        'tsa_anchors = "sandbox/anchors/tsa"',
        'allowed_hosts = ["127.0.0.1"]',
        "allow_loopback = true",
        "[timestamps]",
        'name = "TEST TSA"',
        f'url = "http://127.0.0.1:{sandbox_port}/tsa"',
        "[sandbox]",
        'folder = "sandbox"',
        f'bind = "127.0.0.1:{sandbox_port}"',
    ]
    return "\n".join(lines) + "\n"


def _register_consumer(house: House, sandbox: Sandbox) -> None:
    certificate = x509.load_der_x509_certificate(sandbox.certificates[plan.CONSUMER.name])
    issuer, serial = issuer_text(certificate), serial_text(certificate.serial_number)
    if house.consumers.find(issuer, serial) is None:
        house.consumers.add(
            Consumer(ConsumerId(new_id()), CONSUMER_NAME, issuer, serial, return_origins=("http://localhost",))
        )


def main(arguments: Sequence[str]) -> int:
    """``python -m gateway.sandbox.founding``, with the places as JSON: for ``running.set_up``."""
    given = json.loads(arguments[0])
    try:
        found(Places(**{**given, "data": Path(given["data"])}))
    except GatewayError as error:
        sys.stderr.write(f"{str(error) or type(error).__name__}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
