"""Settings come from one file and the environment; whatever is wrong is named by its full name, secrets never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings import load_settings, shown


@pytest.fixture
def load(tmp_path):
    """Settings from a text, with an environment of its own."""

    def _load(text: str, **environ: str):
        file = tmp_path / "gateway.toml"
        file.write_text(text, encoding="utf-8")
        return load_settings(file, environ)

    return _load


SANDBOX = 'environment = "sandbox"\n'


def test_an_empty_file_in_production_says_all_that_is_missing_at_once(load):
    with pytest.raises(ConfigurationError, match=r"pages\.public_url: must be https in production"):
        load("")


def test_paths_are_relative_to_the_file(load, tmp_path):
    settings = load(SANDBOX + '[storage]\ncontents = "kept"\n')
    assert settings.storage.contents == tmp_path / "kept"
    assert settings.trust.signer_anchors == tmp_path / "anchors" / "signers"
    assert settings.storage.database == f"sqlite:///{tmp_path / 'gateway.sqlite'}"


def test_the_environment_wins(load):
    settings = load(SANDBOX + "[limits]\ncontents = 5\n", GATEWAY_LIMITS__CONTENTS="7", GATEWAY_SOAP__STRICT="true")
    assert settings.limits.contents == 7
    assert settings.soap.strict is True


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[limits]\ncontent = 5\n", r"limits\.content: there is no such setting"),
        ("[limits]\ncontents = 0\n", r"limits\.contents: .*greater than or equal to 1"),
        ("[validation]\npolicy = 'lax'\n", r"validation\.policy: must be one of msign-compat, etsi"),
        ("[pages]\npublic_url = 'http://x'\n", r"pages\.public_url: must be an http\(s\) address that ends"),
        ("[storage]\ndatabase = 'mysql://x'\n", r"storage\.database: must begin with sqlite:/// or postgresql://"),
        ("[keys]\npin = '1234'\n", r"keys\.pin: keep secrets out of gateway\.toml; use keys\.pin_file"),
        ("[sandbox]\n", r"sandbox\.folder: is required"),
        ("nonsense", r"is not TOML"),
    ],
)
def test_what_is_wrong_is_named(load, text, named):
    with pytest.raises(ConfigurationError, match=named):
        load(SANDBOX + text)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[keys]\nstore = 'files'\n", r"keys\.store: files are for development"),
        ("[trust]\nallow_loopback = true\n", r"trust\.allow_loopback: only in development"),
        ("[sandbox]\nfolder = 'x'\n", r"sandbox: only with environment = 'sandbox'"),
    ],
)
def test_production_refuses_what_is_for_sandboxes(load, text, named):
    with pytest.raises(ConfigurationError, match=named):
        load("[pages]\npublic_url = 'https://sign.example/'\n" + text.replace("[pages]\n", ""))


def test_secrets_come_from_files_or_the_environment_and_are_never_shown(load, tmp_path):
    (tmp_path / "pin").write_text("a secret PIN\n")
    settings = load(SANDBOX + "[keys]\npin_file = 'pin'\n", GATEWAY_PAGES__SECRET="s" * 40)
    assert settings.pages.secret_key() == b"s" * 40
    assert "s" * 40 not in repr(settings)
    assert shown(settings)["pages"]["secret"] == "hidden"


def test_a_secret_of_digits_stays_text(load):
    assert load(SANDBOX, GATEWAY_PAGES__SECRET="0" * 40).pages.secret_key() == b"0" * 40


def test_a_short_or_missing_page_secret_is_named(load):
    with pytest.raises(ConfigurationError, match=r"pages\.secret: must have at least 32"):
        load(SANDBOX, GATEWAY_PAGES__SECRET="short").pages.secret_key()
    with pytest.raises(
        ConfigurationError, match=r"pages\.secret: no secret given; set pages\.secret_file, or GATEWAY_"
    ):
        load(SANDBOX).pages.secret_key()


def test_a_postgresql_password_is_put_into_the_address_only_when_it_is_used(load):
    text = SANDBOX + "[storage]\ndatabase = 'postgresql://gateway@db/gateway'\n"
    settings = load(text, GATEWAY_STORAGE__DATABASE_PASSWORD="p@ss/word")
    assert "p@ss" not in str(shown(settings))
    assert settings.storage.url() == "postgresql+psycopg://gateway:p%40ss%2Fword@db/gateway"


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: cannot be read"):
        load_settings(Path("nowhere.toml"), {})
