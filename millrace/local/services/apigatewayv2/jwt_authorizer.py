"""JWT authorizers: verify the issuer, audience, time and scopes of a token.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

import asyncio
import json
import time
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qs

from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2.errors import HttpError
from millrace.local.services.eventbridge import connections

_ALGORITHMS = ["RS256", "RS384", "RS512"]
_TIMEOUT_SECONDS = 5.0
_OK = 200


class InvalidTokenError(Exception):
    """An invalid token, with the reason as in AWS's header."""


class JwtAuthorizer:
    """Verifies tokens with the keys of their issuers, which are cached until a token names an unknown key.

    Times are compared with the machine's clock, as the issuer uses it, not with the clock of the local cloud.
    """

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}

    def reset(self) -> None:
        """Drop the cached keys."""
        self._keys.clear()

    async def authorize(self, request: Request, authorizer: Any, scopes: list[str]) -> dict[str, Any]:
        """Return the `authorizer` context for the function. Raises HttpError."""
        token = _token(request, authorizer.identity_source)
        try:
            claims = await self._claims(token, authorizer.jwt_config)
        except InvalidTokenError as error:
            header = f'Bearer scope="" error="invalid_token" error_description={json.dumps(str(error))}'
            raise HttpError(401, "Unauthorized", str(error), (("www-authenticate", header),)) from error
        granted = _scopes(claims)
        if scopes and not set(granted) & set(scopes):
            header = f'Bearer scope="{" ".join(scopes)}" error="insufficient_scope"'
            raise HttpError(403, "Forbidden", f"the token lacks {scopes}", (("www-authenticate", header),))
        texts = {name: _as_text(value) for name, value in claims.items()}
        return {"jwt": {"claims": texts, "scopes": [each for each in granted if each in scopes] if scopes else None}}

    async def _claims(self, token: str, config: Mapping[str, Any]) -> dict[str, Any]:
        from joserfc import jws
        from joserfc.errors import JoseError

        issuer = config["issuer"]
        try:
            header = jws.extract_compact(token.encode()).headers()
            key = await self._key(issuer, header.get("kid"))
            content = jws.deserialize_compact(token, key, algorithms=_ALGORITHMS).payload
            claims: dict[str, Any] = json.loads(content)
            _check(claims, issuer, config.get("audience") or [])
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidTokenError(f"the token is not valid for {issuer}: {error}") from error
        return claims

    async def _key(self, issuer: str, kid: str | None) -> Any:
        keys = self._keys.get(issuer)
        if keys is None or kid not in keys:
            keys = self._keys[issuer] = await asyncio.to_thread(_fetch_keys, issuer)
        if kid not in keys:
            raise InvalidTokenError(f"the issuer has no key {kid!r}")
        return keys[kid]


def _fetch_keys(issuer: str) -> dict[str, Any]:
    """Return the keys of an issuer by id. https://openid.net/specs/openid-connect-discovery-1_0.html."""
    from joserfc.jwk import KeySet

    configuration = _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if "jwks_uri" not in configuration:
        raise InvalidTokenError(f"the configuration of {issuer} has no jwks_uri")
    keys = KeySet.import_key_set(_fetch(configuration["jwks_uri"]))
    return {str(key.kid): key for key in keys.keys}


def _fetch(url: str) -> Any:
    try:
        response = connections.send(connections.HttpRequest("GET", url, {}, b""), _TIMEOUT_SECONDS)
    except (connections.NotLoopbackError, OSError, HTTPException) as error:
        raise InvalidTokenError(f"the keys of the issuer cannot be fetched: {error}") from error
    if response.status != _OK:
        raise InvalidTokenError(f"{url} returned {response.status}")
    return json.loads(response.body)


def _token(request: Request, sources: Any) -> str:
    source: str = (sources or ["$request.header.Authorization"])[0]
    kind, _, name = source.removeprefix("$request.").partition(".")
    found = request.headers.get(name.lower()) if kind == "header" else parse_qs(request.query).get(name, [None])[0]
    if not found:
        raise HttpError(401, "Unauthorized", f"{source} is missing", (("www-authenticate", "Bearer"),))
    scheme, _, token = found.partition(" ")
    return token if token and scheme.lower() == "bearer" else found


def _check(claims: Mapping[str, Any], issuer: str, audience: list[str]) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html#http-api-jwt-authorizer.evaluation."""
    now = time.time()
    of_token = claims.get("aud", claims.get("client_id"))
    audiences = set(of_token if isinstance(of_token, list) else [of_token])
    problems = {
        "the token does not have a valid issuer": claims.get("iss") != issuer,
        "the token does not have a valid audience": not audiences & set(audience),
        "the token has expired": float(claims.get("exp", 0)) <= now,
        "the token is not valid yet": float(claims.get("nbf", 0)) > now or float(claims.get("iat", 0)) > now,
    }
    problem = next((text for text, found in problems.items() if found), None)
    if problem:
        raise InvalidTokenError(problem)


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    scopes = claims.get("scope", claims.get("scp", ""))
    return list(scopes) if isinstance(scopes, list) else str(scopes).split()


def _as_text(value: Any) -> str:
    """Return a claim as a string, as in the function's event."""
    if isinstance(value, list):
        return f"[{' '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else json.dumps(value)
