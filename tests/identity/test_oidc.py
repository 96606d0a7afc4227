"""A person comes back known, and nobody else: every way of lying in an answer is refused by itself."""

import json
import threading
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import OctKey

from gateway.domain.messages import Language
from gateway.domain.persons import Person
from gateway.errors import AuthorityUnavailable, ConfigurationError, SignInRefused

from .conftest import NOW, REDIRECT, SECONDS


def test_a_person_logs_in_and_is_known(provider, journey):
    found = journey(assurances=("high",))
    assert found.person == Person("2000123456782", "Ion", "Țurcanu", "ion@example")
    assert found.person.name == "Ion Țurcanu"
    assert (found.provider, found.subject, found.assurance) == (provider.issuer, "u-1", "high")
    assert found.authenticated == NOW


def test_the_browser_is_sent_with_proof_keys_nonce_and_language(sign_in):
    departure = sign_in(assurances=("high", "higher")).begin(fresh=True, language=Language.RO, now=NOW)
    asked = {name: value[0] for name, value in parse_qs(urlsplit(departure.url).query).items()}
    assert asked | {"code_challenge": ""} == {
        "response_type": "code",
        "client_id": "gateway",
        "redirect_uri": REDIRECT,
        "scope": "openid profile",
        "state": departure.memo["state"],
        "nonce": departure.memo["nonce"],
        "code_challenge": "",
        "code_challenge_method": "S256",
        "ui_locales": "ro",
        "max_age": "0",
        "acr_values": "high higher",
    }
    assert departure.memo["verifier"] not in departure.url


def test_two_journeys_share_no_secret(sign_in):
    party = sign_in()
    memos = [party.begin(fresh=False, language=Language.EN, now=NOW).memo for _ in range(2)]
    for name in ("state", "nonce", "verifier"):
        assert memos[0][name] != memos[1][name]
    assert len({memos[0][name] for name in ("state", "nonce", "verifier")}) == 3


@pytest.mark.parametrize(
    ("bends", "key"),
    [
        (lambda a: a | {"state": "other"}, "sign-in-other-journey"),
        (lambda a: {"code": a["code"]}, "sign-in-other-journey"),
        (lambda a: a | {"iss": "https://evil.example"}, "sign-in-not-believed"),
        (lambda a: {n: v for n, v in a.items() if n != "iss"}, "sign-in-not-believed"),
        (lambda a: {n: v for n, v in a.items() if n != "code"}, "sign-in-not-believed"),
        (lambda a: a | {"code": "stolen"}, "sign-in-used"),
        (lambda a: {n: v for n, v in a.items() if n != "code"} | {"error": "access_denied"}, "sign-in-cancelled"),
        (lambda a: {n: v for n, v in a.items() if n != "code"} | {"error": "server_error"}, "sign-in-failed"),
    ],
)
def test_an_answer_that_does_not_belong_here_is_refused(journey, bends, key):
    with pytest.raises(SignInRefused) as refused:
        journey(bends)
    assert refused.value.key == key


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "somebody-else"},
        {"aud": ["gateway", "other"]},
        {"aud": ["gateway", "other"], "azp": "other"},
        {"azp": "other"},
        {"aud": None},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": SECONDS - 200},
        {"exp": None},
        {"exp": "soon"},
        {"iat": SECONDS + 1000},
        {"iat": SECONDS - 100_000},
        {"iat": None},
        {"nbf": SECONDS + 1000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"iat": True},
        {"exp": 1e300},
    ],
)
def test_a_token_for_another_time_place_or_party_is_refused(provider, journey, claims):
    provider.claims = claims
    with pytest.raises(SignInRefused) as refused:
        journey()
    assert refused.value.key == "sign-in-not-believed"


def test_a_token_for_several_parties_names_ours(provider, journey):
    provider.claims = {"aud": ["other", "gateway"], "azp": "gateway"}
    assert journey().subject == "u-1"


@pytest.mark.parametrize("forger", ["stranger", "unsigned", "shared", "confused"])
def test_a_forged_token_is_refused(provider, journey, other_keys, forger):
    """Another's key under our kid; no signature; a shared secret; the public key taken for a shared secret."""
    public = json.dumps(provider.key.as_dict(private=False)).encode()
    provider.signs_with = {
        "stranger": (other_keys["stranger"], "ES256"),
        "unsigned": (None, "none"),
        "shared": (other_keys["shared"], "HS256"),
        "confused": (OctKey.import_key(public, {"kid": "one"}), "HS256"),
    }[forger]
    if forger == "shared":
        provider.published = [*provider.published, other_keys["shared"].as_dict(private=True)]
    with pytest.raises(SignInRefused) as refused:
        journey()
    assert refused.value.key == "sign-in-not-believed"


def test_rsa_keys_serve_too_and_unknown_kinds_disturb_nobody(provider, journey, other_keys):
    provider.published = [{"kty": "new"}, "text", None, other_keys["rsa"]]
    provider.signs_with = (other_keys["rsa"], "PS256")
    assert journey().subject == "u-1"


def test_new_keys_are_looked_for_once_a_minute_at_most(provider, sign_in, other_keys):
    party = sign_in()

    def come(at):
        departure = party.begin(fresh=False, language=Language.EN, now=at)
        provider.claims = {"iat": int(at.timestamp()), "exp": int(at.timestamp()) + 60}
        return party.finish(provider.authorize(departure.url), departure.memo, at)

    def fetched():
        return sum(path == "/keys" for _, path, _, _ in provider.asked)

    come(NOW)
    come(NOW)
    assert fetched() == 1
    provider.published, provider.signs_with = [other_keys["rsa"]], (other_keys["rsa"], "RS256")
    with pytest.raises(SignInRefused):
        come(NOW + timedelta(seconds=30))
    assert fetched() == 1
    come(NOW + timedelta(seconds=90))
    assert fetched() == 2


@pytest.mark.parametrize(
    ("auth_time", "at"),
    [
        (SECONDS - 3600, NOW),
        (None, NOW),
        ("now", NOW),
        (SECONDS + 3600, NOW),
        (SECONDS, NOW + timedelta(minutes=11)),
    ],
)
def test_single_sign_on_is_no_fresh_login(provider, journey, auth_time, at):
    """Not an old login, not one without its time, and not one whose journey took too long."""
    provider.claims = {"auth_time": auth_time, "exp": SECONDS + 3600}
    with pytest.raises(SignInRefused) as refused:
        journey(fresh=True, at=at)
    assert refused.value.key == "sign-in-not-fresh"


def test_single_sign_on_will_do_where_no_fresh_login_is_asked(provider, journey):
    provider.claims = {"auth_time": SECONDS - 3600}
    assert journey().authenticated == NOW - timedelta(hours=1)


@pytest.mark.parametrize("acr", ["low", None, 7])
def test_a_weak_login_is_not_enough(provider, journey, acr):
    provider.claims = {"acr": acr}
    with pytest.raises(SignInRefused) as refused:
        journey(assurances=("high",))
    assert refused.value.key == "sign-in-too-weak"


def test_userinfo_counts_for_the_same_subject_alone(provider, journey):
    provider.claims = {"idnp": None, "given_name": None, "family_name": None}
    with pytest.raises(SignInRefused) as refused:
        journey()
    assert refused.value.key == "sign-in-incomplete"
    assert journey(ask_userinfo=True).person.name == "Ion Țurcanu"
    provider.userinfo = provider.userinfo | {"sub": "u-2"}
    with pytest.raises(SignInRefused) as refused:
        journey(ask_userinfo=True)
    assert refused.value.key == "sign-in-not-believed"


def test_a_code_is_good_once(provider, sign_in):
    party = sign_in()
    departure = party.begin(fresh=False, language=Language.EN, now=NOW)
    answer = provider.authorize(departure.url)
    party.finish(answer, departure.memo, NOW)
    with pytest.raises(SignInRefused) as refused:
        party.finish(answer, departure.memo, NOW)
    assert refused.value.key == "sign-in-used"


def _huge(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" " * 10_000)


def _dripping(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def _status(status, body=b"{}"):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Location", "http://127.0.0.1:1/")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.mark.parametrize("place", ["/.well-known/openid-configuration", "/keys", "/token", "/userinfo"])
@pytest.mark.parametrize(
    "script",
    [
        _huge,
        _dripping,
        _status(302),
        _status(500),
        _status(200, b"[]"),
        _status(200, b"{"),
        _status(200, b"[" * 50_000),
    ],
    ids=["huge", "dripping", "redirect", "failing", "list", "broken", "deep"],
)
def test_a_provider_that_fails_is_told_apart_from_a_lie(provider, journey, place, script):
    provider.script[place] = script
    with pytest.raises(AuthorityUnavailable) as failed:
        journey(ask_userinfo=True, seconds=1)
    assert provider.issuer not in str(failed.value)


def test_a_provider_that_is_away_is_unavailable(sign_in):
    party = sign_in(issuer="http://127.0.0.1:9")
    with pytest.raises(AuthorityUnavailable):
        party.begin(fresh=False, language=Language.EN, now=NOW)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"userinfo_endpoint": 7},
    ],
)
def test_metadata_that_leads_elsewhere_is_refused(provider, sign_in, metadata):
    provider.metadata = metadata
    with pytest.raises(AuthorityUnavailable):
        sign_in().begin(fresh=False, language=Language.EN, now=NOW)


@pytest.mark.parametrize(
    "issuer", ["http://provider.example", "ftp://x", "https://", "https://x.example?a=1", "https://x.example#f", ""]
)
def test_an_issuer_that_cannot_be_is_a_configuration_error(sign_in, issuer):
    with pytest.raises(ConfigurationError, match=r"identity\.issuer"):
        sign_in(issuer=issuer)


def test_leaving_goes_by_the_provider_and_back(provider, journey, sign_in):
    party = sign_in()
    left = party.leave(journey(), "https://sign.example/bye", NOW)
    asked = parse_qs(urlsplit(left).query)
    assert left.startswith(f"{provider.issuer}/end?")
    assert asked["post_logout_redirect_uri"] == ["https://sign.example/bye"]
    assert asked["client_id"] == ["gateway"]
    assert asked["id_token_hint"]
    provider.metadata = {"end_session_endpoint": None}
    assert sign_in().leave(journey(), "https://sign.example/bye", NOW) is None


def test_many_people_may_come_at_once(journey):
    found, threads = [], [threading.Thread(target=lambda: found.append(journey().subject)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["u-1"] * 8
