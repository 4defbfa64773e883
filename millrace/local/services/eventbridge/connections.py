"""Connections, which authorize the calls of API destinations, and an HTTP client for loopback addresses.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-target-connection-auth.html
"""

import base64
import http.client
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

_DEFAULT_TOKEN_SECONDS = 3600
_OK = range(200, 300)


class NotLoopbackError(ValueError):
    """A URL of another machine, which the local cloud never calls."""


class AuthorizationError(Exception):
    """The authorization endpoint of a connection returned no token."""


class InvalidHttpRequestError(http.client.HTTPException):
    """A request that HTTP does not allow, such as one with a line break in a header."""


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request to an endpoint."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class HttpResponse:
    """The response of an endpoint. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpParameters:
    """Parameters that a connection adds to each request. The connection has them as lists of Key and Value."""

    def __init__(self, parameters: Mapping[str, Any] | None) -> None:
        def values(name: str) -> dict[str, Any]:
            return {each["Key"]: each.get("Value", "") for each in (parameters or {}).get(name) or []}

        self.headers = values("HeaderParameters")
        self.query = values("QueryStringParameters")
        self.body = values("BodyParameters")


def send(request: HttpRequest, timeout: float) -> HttpResponse:
    """Send a request; `timeout` is in seconds. Raises OSError, TimeoutError, HTTPException, NotLoopbackError."""
    url = parse_loopback_url(request.url)
    secure = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = secure(url.hostname or "", url.port, timeout=timeout)
    try:
        _write(connection, request, url)
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return HttpResponse(response.status, headers, response.read())
    finally:
        connection.close()


def _write(connection: http.client.HTTPConnection, request: HttpRequest, url: SplitResult) -> None:
    """Send the request. An event can contain its headers and parts of its path."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        connection.request(request.method, target, request.body, request.headers)
    except (ValueError, http.client.InvalidURL) as error:
        raise InvalidHttpRequestError(f"HTTP does not allow this request: {error}") from error


def parse_loopback_url(url: str) -> SplitResult:
    """Return the parts of a URL of this machine. Raises NotLoopbackError for any other."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host != "localhost" and not host.endswith(".localhost") and not _is_loopback_address(host):
        raise NotLoopbackError(f"The local cloud calls URLs of this machine only, not {url}.")
    return parts


def _is_loopback_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a host name


def add_query(url: str, query: Mapping[str, str]) -> str:
    """Append parameters to the query string of a URL."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode(parse_qsl(parts.query) + list(query.items()))).geturl() if query else url


def key_headers(authorization_type: str, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a BASIC or API_KEY connection.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnectionAuthRequestParameters.html
    """
    if authorization_type == "BASIC":
        basic = parameters["BasicAuthParameters"]
        pair = base64.b64encode(f"{basic['Username']}:{basic['Password']}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    key = parameters["ApiKeyAuthParameters"]
    return {key["ApiKeyName"]: key["ApiKeyValue"]}


class OAuthTokens:
    """OAuth tokens by connection, cached until they expire or an endpoint rejects them."""

    def __init__(self) -> None:
        self._cached: dict[str, tuple[str, float]] = {}

    def discard(self, connection: str) -> None:
        """Request a new token for the next call of a connection."""
        self._cached.pop(connection, None)

    def reset(self) -> None:
        """Discard every token."""
        self._cached.clear()

    def header(self, connection: str, parameters: Mapping[str, Any], now: float, timeout: float) -> str:
        """Return the Authorization header. Raises AuthorizationError and what `send` raises."""
        header, expires = self._cached.get(connection, ("", 0.0))
        if now < expires:
            return header
        response = send(_token_request(parameters), timeout)
        try:
            token = json.loads(response.body) if response.status in _OK else {}
            header = f"{token.get('token_type') or 'Bearer'} {token['access_token']}"
            expires = now + float(token.get("expires_in") or _DEFAULT_TOKEN_SECONDS)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise AuthorizationError(
                f"The authorization endpoint returned {response.status} without a valid access_token."
            ) from error
        self._cached[connection] = (header, expires)
        return header


def _token_request(parameters: Mapping[str, Any]) -> HttpRequest:
    """AWS does not document this request; it follows AWS's examples of connections.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnectionOAuthRequestParameters.html
    """
    extra = HttpParameters(parameters.get("OAuthHttpParameters"))
    client = parameters["ClientParameters"]
    form = {"client_id": client["ClientID"], "client_secret": client["ClientSecret"], **extra.body}
    in_url = parameters["HttpMethod"] == "GET"
    url = add_query(parameters["AuthorizationEndpoint"], extra.query | (form if in_url else {}))
    headers = {"Content-Type": "application/x-www-form-urlencoded", **extra.headers}
    return HttpRequest(parameters["HttpMethod"], url, headers, b"" if in_url else urlencode(form).encode())
