"""
OpenID Connect Core 1.0, authorization code flow with PKCE (RFC 7636): the gateway as relying party.

Every answer is distrusted until it is shown to belong to this journey: state (RFC 6749 § 10.12), the provider's name
(RFC 9207), nonce, audience, times, and a signature under a key of the provider. What is a person's identity comes from
the ID token, or from the UserInfo of the same subject.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.domain.messages import Language
from gateway.domain.persons import Authentication
from gateway.errors import SignInRefused
from gateway.identity.api import Departure
from gateway.identity.claims import ClaimNames, MissingClaim
from gateway.identity.http import bounded
from gateway.identity.metadata import Metadata, Provider

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""No "none", and nothing under a shared secret, which a public key could be taken for."""

_SKEW = timedelta(minutes=2)
_LONGEST_LIFE = timedelta(hours=24)
_FRESH_WITHIN = timedelta(minutes=10)
"""A journey takes so long at most, and a fresh login lies within it."""
_PEOPLE_SAY_NO = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})


@dataclass(frozen=True, slots=True)
class OidcClient:
    """
    How the gateway is registered there.

    *assurances* are the classes of authentication (``acr``) that are enough, empty: any. *secret* None: a public
    client.
    """

    client_id: str
    redirect_uri: str
    secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid", "profile")
    assurances: tuple[str, ...] = ()
    claims: ClaimNames = field(default_factory=ClaimNames)
    ask_userinfo: bool = False


class OidcSignIn:
    """Implements ``SignIn``. Safe for threads; opens nothing before it is used."""

    def __init__(
        self, name: str, issuer: str, client: OidcClient, *, new_secret: Callable[[], str], seconds: float = 10
    ) -> None:
        """
        *new_secret* makes 256 random bits as URL-safe text without padding; *seconds* bound one exchange.

        Raises ``ConfigurationError``.
        """
        self._name = name
        self._provider = Provider(issuer, seconds)
        self._client = client
        self._new_secret = new_secret
        self._seconds = seconds

    @property
    def name(self) -> str:
        """See the door."""
        return self._name

    def begin(self, *, fresh: bool, language: Language, now: datetime) -> Departure:
        """See the door. PKCE with S256; ``max_age=0`` demands a fresh login and its time in the ID token."""
        metadata = self._provider.metadata(now)
        memo = {"state": self._new_secret(), "nonce": self._new_secret(), "verifier": self._new_secret()}
        memo |= {"begun": now.isoformat(), "fresh": "yes" if fresh else ""}
        asked = {"nonce": memo["nonce"], "ui_locales": language.value}
        if fresh:
            asked["max_age"] = "0"
        if self._client.assurances:
            asked["acr_values"] = " ".join(self._client.assurances)
        with self._session() as session:
            url, _ = session.create_authorization_url(
                metadata.authorization, state=memo["state"], code_verifier=memo["verifier"], **asked
            )
        return Departure(url, memo)

    def finish(self, answer: Mapping[str, str], memo: Mapping[str, str], now: datetime) -> Authentication:
        """See the door."""
        metadata = self._provider.metadata(now)
        code = _code_of(answer, memo, metadata)
        tokens = self._exchange(metadata, code, memo["verifier"])
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise SignInRefused("sign-in-not-believed")
        claims = self._claims(id_token, now)
        _check(claims, metadata, self._client, memo, now)
        if self._client.ask_userinfo and metadata.userinfo is not None:
            claims = {**self._userinfo(metadata.userinfo, tokens, claims["sub"]), **claims}
        try:
            person = self._client.claims.person(claims)
        except MissingClaim:
            raise SignInRefused("sign-in-incomplete") from None
        return Authentication(
            person=person,
            provider=metadata.issuer,
            subject=claims["sub"],
            authenticated=_moment(claims.get("auth_time")) or _moment(claims["iat"]) or now,
            assurance=claims["acr"] if isinstance(claims.get("acr"), str) else None,
            ticket=id_token,
        )

    def leave(self, authentication: Authentication, back: str, now: datetime) -> str | None:
        """See the door (OpenID Connect RP-Initiated Logout 1.0)."""
        metadata = self._provider.metadata(now)
        if metadata.end_session is None:
            return None
        asked = {"id_token_hint": authentication.ticket, "post_logout_redirect_uri": back}
        mark = "&" if "?" in metadata.end_session else "?"
        return f"{metadata.end_session}{mark}{urlencode({**asked, 'client_id': self._client.client_id})}"

    def _session(self) -> OAuth2Session:
        session = OAuth2Session(
            client_id=self._client.client_id,
            client_secret=self._client.secret,
            scope=" ".join(self._client.scopes),
            redirect_uri=self._client.redirect_uri,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._client.secret else "none",
        )
        bounded(session, self._seconds)
        return session

    def _exchange(self, metadata: Metadata, code: str, verifier: str) -> dict[str, Any]:
        """The code into tokens; a code that the provider refuses was used before, or was never its own."""
        try:
            with self._session() as session:
                found = session.fetch_token(
                    metadata.token, code=code, code_verifier=verifier, grant_type="authorization_code",
                    allow_redirects=False,
                )  # fmt: skip
        except OAuthError as error:
            if error.error == "invalid_grant":
                raise SignInRefused("sign-in-used") from None
            raise self._provider.unavailable("refuses our request for tokens") from None
        except requests.HTTPError:
            raise self._provider.unavailable("answers our request for tokens with an error") from None
        except (requests.RequestException, OSError) as error:
            raise self._provider.unavailable(f"not reached ({type(error).__name__})") from None
        except (ValueError, TypeError, RecursionError):
            raise self._provider.unavailable("answer holds no tokens") from None
        return cast("dict[str, Any]", found)

    def _claims(self, id_token: str, now: datetime) -> dict[str, Any]:
        """The claims of a token that holds under a key of the provider; newer keys are looked for once."""
        for again in (False, True):
            claims = _verified(id_token, self._provider.keys(now, again=again))
            if claims is not None:
                return claims
        raise SignInRefused("sign-in-not-believed")

    def _userinfo(self, address: str, tokens: Mapping[str, Any], subject: str) -> dict[str, Any]:
        token = str(tokens.get("access_token", ""))
        found = self._provider.ask("GET", address, headers={"Authorization": f"Bearer {token}"})
        if found.get("sub") != subject:
            raise SignInRefused("sign-in-not-believed")
        return found


def _code_of(answer: Mapping[str, str], memo: Mapping[str, str], metadata: Metadata) -> str:
    """The code in an answer that belongs to this journey. Raises ``SignInRefused``."""
    if not hmac.compare_digest(answer.get("state", "").encode(), memo.get("state", "\0").encode()):
        raise SignInRefused("sign-in-other-journey")
    named = answer.get("iss")
    if (named is None and metadata.names_itself) or (named is not None and named != metadata.issuer):
        raise SignInRefused("sign-in-not-believed")
    if "error" in answer:
        raise SignInRefused("sign-in-cancelled" if answer["error"] in _PEOPLE_SAY_NO else "sign-in-failed")
    if not answer.get("code"):
        raise SignInRefused("sign-in-not-believed")
    return answer["code"]


def _verified(id_token: str, keys: KeySet) -> dict[str, Any] | None:
    try:
        token = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return token.claims if isinstance(token.claims, dict) else None


def _check(
    claims: Mapping[str, Any], metadata: Metadata, client: OidcClient, memo: Mapping[str, str], now: datetime
) -> None:
    """OpenID Connect Core § 3.1.3.7. Raises ``SignInRefused``."""
    audience = claims.get("aud")
    several = isinstance(audience, list) and len(audience) > 1
    believed = (
        claims.get("iss") == metadata.issuer
        and client.client_id in (audience if isinstance(audience, list) else [audience])
        and (claims.get("azp") == client.client_id if several or "azp" in claims else True)
        and isinstance(claims.get("sub"), str)
        and bool(claims["sub"])
        and _same(claims.get("nonce"), memo["nonce"])
        and _in_time(claims, now)
    )
    if not believed:
        raise SignInRefused("sign-in-not-believed")
    if memo.get("fresh") and not _is_fresh(claims.get("auth_time"), memo["begun"], now):
        raise SignInRefused("sign-in-not-fresh")
    if client.assurances and claims.get("acr") not in client.assurances:
        raise SignInRefused("sign-in-too-weak")


def _same(one: object, other: str) -> bool:
    return isinstance(one, str) and hmac.compare_digest(one.encode(), other.encode())


def _in_time(claims: Mapping[str, Any], now: datetime) -> bool:
    issued, ends = _moment(claims.get("iat")), _moment(claims.get("exp"))
    begins = _moment(claims["nbf"]) if "nbf" in claims else issued
    if issued is None or ends is None or begins is None:
        return False
    return begins - _SKEW <= now <= ends + _SKEW and now - _LONGEST_LIFE <= issued <= now + _SKEW


def _is_fresh(value: object, begun: str, now: datetime) -> bool:
    """Whether the person logged in during this journey."""
    moment = _moment(value)
    start = datetime.fromisoformat(begun)
    return moment is not None and start - _SKEW <= moment <= now + _SKEW and now - start <= _FRESH_WITHIN


def _moment(value: object) -> datetime | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
