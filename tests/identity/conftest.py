"""An identity provider that can be made to lie, over a real socket."""

import base64
import hashlib
import itertools
import json
import threading
import urllib.parse
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from gateway.domain.messages import Language
from gateway.identity.claims import ClaimNames
from gateway.identity.oidc import OidcClient, OidcSignIn

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
REDIRECT = "https://sign.example/signed-in"
PERSON = {"sub": "u-1", "given_name": "Ion", "family_name": "Țurcanu", "idnp": "2000123456782", "email": "ion@example"}


class ProviderDouble:
    """Speaks OpenID Connect as the specification says, except where a test says otherwise."""

    def __init__(self):
        self.key = ECKey.generate_key("P-256", parameters={"kid": "one", "use": "sig"})
        self.published = [self.key]
        self.claims, self.headers, self.userinfo = {}, {}, dict(PERSON)
        self.metadata, self.asked, self.codes = {}, [], {}
        self.signs_with, self.script, self.numbers = None, {}, itertools.count()
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                double._answer(self, "GET")

            def do_POST(self):
                double._answer(self, "POST")

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def authorize(self, url):
        """What a person's browser brings back after logging in at *url*."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        code = f"code-{next(self.numbers)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    def id_token(self, asked):
        claims = {
            "iss": self.issuer,
            "aud": "gateway",
            "iat": SECONDS,
            "exp": SECONDS + 300,
            "nonce": asked["nonce"],
            "auth_time": SECONDS,
            "acr": "high",
            **PERSON,
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        key, algorithm = self.signs_with or (self.key, "ES256")
        header = {"alg": algorithm, "kid": key.kid} | self.headers if key is not None else {"alg": "none"}
        if key is None:
            parts = [json.dumps(header), json.dumps(claims)]
            return ".".join([*(base64.urlsafe_b64encode(p.encode()).rstrip(b"=").decode() for p in parts), ""])
        return jwt.encode(header, claims, key, algorithms=[algorithm])

    def _answer(self, handler, method):
        path = urllib.parse.urlsplit(handler.path).path
        length = int(handler.headers.get("Content-Length") or 0)
        form = dict(urllib.parse.parse_qsl(handler.rfile.read(length).decode()))
        self.asked.append((method, path, form, dict(handler.headers)))
        if path in self.script:
            self.script[path](handler)
            return
        status, body = getattr(self, "_" + path.rpartition("/")[2].replace("-", "_"))(form, handler.headers)
        text = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _openid_configuration(self, _form, _headers):
        return 200, {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/end",
            "authorization_response_iss_parameter_supported": True,
        } | self.metadata

    def _keys(self, _form, _headers):
        return 200, {"keys": [key.as_dict(private=False) if hasattr(key, "as_dict") else key for key in self.published]}

    def _token(self, form, headers):
        asked = self.codes.pop(form.get("code"), None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert headers["Authorization"] == "Basic " + base64.b64encode(b"gateway:s3cret").decode()
        assert form["redirect_uri"] == REDIRECT
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": self.id_token(asked)}

    def _userinfo(self, _form, headers):
        assert headers["Authorization"] == "Bearer at"
        return 200, self.userinfo


@pytest.fixture
def provider():
    double = ProviderDouble()
    yield double
    double.server.shutdown()
    double.server.server_close()


@pytest.fixture
def sign_in(provider):
    """Makes relying parties."""
    made = iter(f"secret-{n:04}-".ljust(43, "x") for n in range(1000))

    def make(**client):
        seconds = client.pop("seconds", 5)
        issuer = client.pop("issuer", provider.issuer)
        given = {
            "client_id": "gateway",
            "redirect_uri": REDIRECT,
            "secret": "s3cret",
            "claims": ClaimNames(personal_identifier="idnp"),
        }
        return OidcSignIn("Test", issuer, OidcClient(**given | client), new_secret=lambda: next(made), seconds=seconds)

    return make


@pytest.fixture
def journey(provider, sign_in):
    """A whole journey of one person; *bends* changes what the browser brings back."""

    def go(bends=None, *, fresh=False, at=NOW, **client):
        party = sign_in(**client)
        departure = party.begin(fresh=fresh, language=Language.RU, now=NOW)
        answer = provider.authorize(departure.url)
        return party.finish((bends or (lambda a: a))(answer), departure.memo, at)

    return go


@pytest.fixture
def other_keys():
    return {
        "stranger": ECKey.generate_key("P-256", parameters={"kid": "one"}),
        "rsa": RSAKey.generate_key(2048, parameters={"kid": "rsa"}),
        "shared": OctKey.generate_key(256, parameters={"kid": "shared"}),
    }
