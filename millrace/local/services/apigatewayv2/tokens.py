"""JWT authorizers: whether a token is one of the issuer's, for this API, and good now.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

import asyncio
import json
import time
from collections.abc import Mapping
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qs

from millrace.local.core.http import Request
from millrace.local.services.apigatewayv2.refusals import Refusal
from millrace.local.services.eventbridge import connections

_ALGORITHMS = ["RS256", "RS384", "RS512"]
_TIMEOUT_SECONDS = 5.0
_OK = 200


class NotGood(Exception):
    """A token that is refused, with the reason as AWS's header gives it."""


class Tokens:
    """Checks tokens with their issuers' keys, which are kept until a token names another.

    A token's times are held against this machine's clock, which its issuer reads too; the local cloud's may have leapt.
    """

    def __init__(self) -> None:
        self._keys: dict[str, Any] = {}

    def forget(self) -> None:
        """Ask every issuer for its keys again."""
        self._keys.clear()

    async def authorize(self, request: Request, authorizer: Any, scopes: list[str]) -> dict[str, Any]:
        """What the function is told of the token. Raises Refusal."""
        told = _presented(request, authorizer.identity_source)
        try:
            claims = await self._claims(told, authorizer.jwt_config)
        except NotGood as error:
            header = f'Bearer scope="" error="invalid_token" error_description="{error}"'
            raise Refusal(401, "Unauthorized", str(error), (("www-authenticate", header),)) from error
        held = _scopes(claims)
        if scopes and not set(held) & set(scopes):
            header = f'Bearer scope="{" ".join(scopes)}" error="insufficient_scope"'
            raise Refusal(403, "Forbidden", f"the token lacks {scopes}", (("www-authenticate", header),))
        shown = {name: _shown(value) for name, value in claims.items()}
        return {"jwt": {"claims": shown, "scopes": [each for each in held if each in scopes] if scopes else None}}

    async def _claims(self, token: str, config: Mapping[str, Any]) -> dict[str, Any]:
        from joserfc import jws  # noqa: PLC0415 - few APIs have tokens
        from joserfc.errors import JoseError  # noqa: PLC0415

        issuer = config["issuer"]
        try:
            header = jws.extract_compact(token.encode()).headers()
            key = await self._key(issuer, header.get("kid"))
            content = jws.deserialize_compact(token, key, algorithms=_ALGORITHMS).payload
            claims: dict[str, Any] = json.loads(content)
            _check(claims, issuer, config.get("audience") or [])
        except (JoseError, ValueError, TypeError) as error:
            raise NotGood(f"the token is not one of {issuer}: {error}") from error
        return claims

    async def _key(self, issuer: str, kid: str | None) -> Any:
        known = self._keys.get(issuer)
        if known is None or kid not in known:
            fetch = partial(_fetched, issuer)
            known = self._keys[issuer] = await asyncio.get_running_loop().run_in_executor(None, fetch)
        if kid not in known:
            raise NotGood(f"the issuer has no key {kid!r}")
        return known[kid]


def _fetched(issuer: str) -> dict[str, Any]:
    """The keys of an issuer, by their ids. https://openid.net/specs/openid-connect-discovery-1_0.html."""
    from joserfc.jwk import KeySet  # noqa: PLC0415 - as above

    about = _document(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    if "jwks_uri" not in about:
        raise NotGood(f"the configuration of {issuer} names no jwks_uri")
    keys = KeySet.import_key_set(_document(about["jwks_uri"]))
    return {str(key.kid): key for key in keys.keys}


def _document(url: str) -> Any:
    try:
        connections.loopback(url)
        answer = connections.make(connections.Call("GET", url, {}, b""), _TIMEOUT_SECONDS)
    except (connections.NotLoopback, OSError, HTTPException) as error:
        raise NotGood(f"the keys of the issuer cannot be had: {error}") from error
    if answer.status != _OK:
        raise NotGood(f"{url} answered {answer.status}")
    return json.loads(answer.body)


def _presented(request: Request, sources: Any) -> str:
    source: str = (sources or ["$request.header.Authorization"])[0]
    kind, _, name = source.removeprefix("$request.").partition(".")
    found = request.headers.get(name.lower()) if kind == "header" else parse_qs(request.query).get(name, [None])[0]
    if not found:
        raise Refusal(401, "Unauthorized", f"there is no {source}", (("www-authenticate", "Bearer"),))
    scheme, _, token = found.partition(" ")
    return token if token and scheme.lower() == "bearer" else found


def _check(claims: Mapping[str, Any], issuer: str, audience: list[str]) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html#http-api-jwt-authorizer.evaluation."""
    now = time.time()
    meant = claims.get("aud", claims.get("client_id"))
    given = set(meant if isinstance(meant, list) else [meant])
    problems = {
        "the token does not have a valid issuer": claims.get("iss") != issuer,
        "the token does not have a valid audience": not given & set(audience),
        "the token has expired": float(claims.get("exp", 0)) <= now,
        "the token is not valid yet": float(claims.get("nbf", 0)) > now or float(claims.get("iat", 0)) > now,
    }
    for problem, holds in problems.items():
        if holds:
            raise NotGood(problem)


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    told = claims.get("scope", claims.get("scp", ""))
    return list(told) if isinstance(told, list) else str(told).split()


def _shown(value: Any) -> str:
    """A claim as the function's event has it: all are texts."""
    if isinstance(value, list):
        return f"[{' '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else value if isinstance(value, str) else json.dumps(value)
