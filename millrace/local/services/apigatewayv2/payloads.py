"""The payload format 2.0, both ways: from a request to a function's event, and from its result to a response.

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
_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "upgrade"})
_JSON = ("content-type", "application/json")


class MalformedResult(ValueError):
    """A function answered with what is no response."""


@dataclass(frozen=True)
class Context:
    """What the API knows of a request besides the request: where it came in, and who sent it."""

    account: str
    api: str
    domain: str
    stage: str
    route_key: str
    path: str
    request_id: str
    moment: float
    parameters: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    authorizer: Mapping[str, Any] | None = None

    @property
    def time(self) -> str:
        """The moment as the common log format has it."""
        return datetime.fromtimestamp(self.moment, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


def event_of(request: Request, context: Context) -> dict[str, Any]:
    """The event that the function is given; what a request has not, the event has not."""
    headers = {name: value for name, value in request.headers.items() if name not in ("cookie", "connection")}
    cookies = [each.strip() for each in request.headers.get("cookie", "").split(";") if each.strip()]
    body, encoded = _body(request)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": context.path,
        "rawQueryString": request.query,
        "cookies": cookies or None,
        "headers": {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", **headers},
        "queryStringParameters": _joined(request.query) or None,
        "requestContext": _request_context(request, context),
        "pathParameters": dict(context.parameters) or None,
        "stageVariables": dict(context.variables) or None,
        "body": body,
    }
    return {name: value for name, value in event.items() if value is not None} | {"isBase64Encoded": encoded}


def _body(request: Request) -> tuple[str | None, bool]:
    """The body, as base64 unless its content type says that it is a text."""
    if not request.body:
        return None, False
    if request.headers.get("content-type", "").lower().startswith(_TEXT):
        return request.body.decode("utf-8", "replace"), False
    return base64.b64encode(request.body).decode(), True


def _joined(query: str) -> dict[str, str]:
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
        "timeEpoch": int(context.moment * 1000),
    }


def response_of(payload: bytes) -> Response:
    """The response that a function's result stands for. Raises MalformedResult.

    A result without a status code is the body of a 200; a JSON text stands for its text.
    """
    result = json.loads(payload)
    if not isinstance(result, dict) or "statusCode" not in result:
        return Response(200, _written(result).encode(), (_JSON,))
    try:
        status, headers = int(result["statusCode"]), dict(result.get("headers") or {})
    except (TypeError, ValueError) as error:
        raise MalformedResult(f"statusCode {result['statusCode']!r}, headers {result.get('headers')!r}") from error
    given = [(name.lower(), _written(value)) for name, value in headers.items()]
    given = [pair for pair in given if pair[0] not in _HOP_BY_HOP]
    if not any(name == "content-type" for name, _ in given):
        given.append(("content-type", "text/plain;charset=UTF-8"))
    cookies = [("set-cookie", str(cookie)) for cookie in result.get("cookies") or ()]
    return Response(status, _decoded(result), (*given, *cookies))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _decoded(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResult(f"the body is a {type(body).__name__}, and no text")
    if str(result.get("isBase64Encoded", False)).lower() != "true":
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MalformedResult(f"the body is no base64: {error}") from error
