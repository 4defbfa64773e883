"""Connections: who an API destination is told that we are.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html
"""

import base64
import http.client
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

_TOKEN_SECONDS = 3600
_OK = range(200, 300)


class NotLoopback(ValueError):
    """A URL that is not on this machine: the local cloud calls no other."""


class NotAuthorized(Exception):
    """The authorization endpoint of a connection gave no token."""


@dataclass(frozen=True)
class Call:
    """An HTTP request to be made."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Extra:
    """What a connection or a target adds to each request."""

    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, parameters: Mapping[str, Any] | None) -> "Extra":
        """From lists of Key and Value, as a connection has them."""
        known = parameters or {}
        names = ("HeaderParameters", "QueryStringParameters", "BodyParameters")
        return cls(*({item["Key"]: item.get("Value", "") for item in known.get(name) or []} for name in names))


def make(call: Call, timeout: float) -> Answer:
    """Make a request, within so many seconds. Raises OSError, TimeoutError, NotLoopback; http.client's for bad HTTP."""
    url = loopback(call.url)
    secure = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = secure(url.hostname or "", url.port, timeout=timeout)
    try:
        where = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request(call.method, where, call.body, call.headers)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def loopback(url: str) -> SplitResult:
    """The parts of a URL of this machine. Raises NotLoopback for any other."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host != "localhost" and not host.endswith(".localhost") and not _is_loopback_address(host):
        raise NotLoopback(f"The local cloud calls URLs of this machine only, not {url}.")
    return parts


def _is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, and so no address


def with_query(url: str, query: Mapping[str, str]) -> str:
    """A URL with more of a query string; what it had goes first."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode(parse_qsl(parts.query) + list(query.items()))).geturl() if query else url


def authorization(kind: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a connection with a password or an API key.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnectionAuthRequestParameters.html
    """
    if kind == "BASIC":
        known = parameters["BasicAuthParameters"]
        pair = base64.b64encode(f"{known['Username']}:{known['Password']}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    known = parameters["ApiKeyAuthParameters"]
    return {known["ApiKeyName"]: known["ApiKeyValue"]}


class Tokens:
    """OAuth tokens, by connection; kept until they end or are refused."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, float]] = {}

    def forget(self, connection: str | None = None) -> None:
        """Ask for a token again at the next call; without a name, for all."""
        if connection is None:
            self._known.clear()
        else:
            self._known.pop(connection, None)

    def header(self, connection: str, parameters: Mapping[str, Any], now: float, timeout: float) -> str:
        """The Authorization header. Raises NotAuthorized, and what `make` raises."""
        text, until = self._known.get(connection, ("", 0.0))
        if now < until:
            return text
        answer = make(_token_call(parameters), timeout)
        try:
            token = json.loads(answer.body) if answer.status in _OK else {}
            text = f"{token.get('token_type') or 'Bearer'} {token['access_token']}"
        except (ValueError, LookupError, AttributeError) as error:
            raise NotAuthorized(f"The authorization endpoint answered {answer.status}, and no access_token.") from error
        self._known[connection] = (text, now + float(token.get("expires_in") or _TOKEN_SECONDS))
        return text


def _token_call(parameters: Mapping[str, Any]) -> Call:
    """AWS documents no form of this request; this is what its examples of connections suppose.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnectionOAuthRequestParameters.html
    """
    extra = Extra.of(parameters.get("OAuthHttpParameters"))
    client = parameters["ClientParameters"]
    form = {"client_id": client["ClientID"], "client_secret": client["ClientSecret"], **extra.body}
    in_url = parameters["HttpMethod"] == "GET"
    url = with_query(parameters["AuthorizationEndpoint"], extra.query | (form if in_url else {}))
    headers = {"Content-Type": "application/x-www-form-urlencoded", **extra.headers}
    return Call(parameters["HttpMethod"], url, headers, b"" if in_url else urlencode(form).encode())
