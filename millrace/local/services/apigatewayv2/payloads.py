"""Payload format 2.0: convert requests to events and the results of functions to responses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from millrace.local.core.http import Request, Response

_TEXT = ("text/", "application/json", "application/xml", "application/javascript")
HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})
_JSON = ("content-type", "application/json")


class MalformedResultError(ValueError):
    """The result of a function is not a valid response."""


@dataclass(frozen=True)
class Context:
    """The API, stage and route of a request, and its caller. `received` is in seconds since 1970."""

    account: str
    api: str
    domain: str
    stage: str
    route_key: str
    path: str
    request_id: str
    received: float
    parameters: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    authorizer: Mapping[str, Any] | None = None

    @property
    def time(self) -> str:
        """Return the time in Common Log Format."""
        return datetime.fromtimestamp(self.received, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


def event_of(request: Request, context: Context) -> dict[str, Any]:
    """Return the event for the function, without fields that the request does not have."""
    headers = {name: value for name, value in request.headers.items() if name not in ("cookie", "connection")}
    cookies = [each.strip() for each in request.headers.get("cookie", "").split(";") if each.strip()]
    body, encoded = encode_body(request)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "cookies": cookies or None,
        "headers": {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", **headers},
        "queryStringParameters": _join_values(request.query) or None,
        "requestContext": _request_context(request, context),
        "pathParameters": dict(context.parameters) or None,
        "stageVariables": dict(context.variables) or None,
        "body": body,
    }
    return {name: value for name, value in event.items() if value is not None} | {"isBase64Encoded": encoded}


def encode_body(request: Request) -> tuple[str | None, bool]:
    """Return the body and whether it is encoded as base64; text types are not."""
    if not request.body:
        return None, False
    if request.headers.get("content-type", "").lower().startswith(_TEXT):
        return request.body.decode("utf-8", "replace"), False
    return base64.b64encode(request.body).decode(), True


def _join_values(query: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _request_context(request: Request, context: Context) -> dict[str, Any]:
    authorizer = {"authorizer": context.authorizer} if context.authorizer else {}
    return {
        "accountId": context.account,
        "apiId": context.api,
        **authorizer,
        "domainName": context.domain,
        "domainPrefix": context.domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": context.path,
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": context.request_id,
        "routeKey": context.route_key,
        "stage": context.stage,
        "time": context.time,
        "timeEpoch": int(context.received * 1000),
    }


def response_of(payload: bytes) -> Response:
    """Return the response for a function's result. Raises MalformedResultError.

    A result without a status code becomes the body of a response with status 200.
    """
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, _as_text(result).encode(), (_JSON,))
    try:
        status, headers = int(result["statusCode"]), dict(result.get("headers") or {})
    except (TypeError, ValueError) as error:
        raise MalformedResultError(f"statusCode {result['statusCode']!r}, headers {result.get('headers')!r}") from error
    given = [(name.lower(), _as_text(value)) for name, value in headers.items()]
    given = [pair for pair in given if pair[0] not in HOP_BY_HOP]
    if not any(name == "content-type" for name, _ in given):
        given.append(("content-type", "text/plain;charset=UTF-8"))
    cookies = [("set-cookie", str(cookie)) for cookie in result.get("cookies") or ()]
    return Response(status, decode_body(result), (*given, *cookies))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def decode_body(result: Mapping[str, Any]) -> bytes:
    """Return the body of a function's result. Raises MalformedResultError."""
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResultError(f"body must be a string, not {type(body).__name__}")
    if str(result.get("isBase64Encoded", False)).lower() != "true":
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedResultError(f"body is not base64: {error}") from error
