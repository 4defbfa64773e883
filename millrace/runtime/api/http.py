"""HTTP requests and responses in payload format 2.0 of API Gateway, and problem details of RFC 9457.

https://www.rfc-editor.org/rfc/rfc9457
"""

import base64
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from millrace.events import ContractError

JSON = "application/json"
PROBLEM = "application/problem+json"
_MOST_CHARACTERS = 200
Response = dict[str, Any]


class Problem(Exception):
    """An error response: its status, and a message with the fix.

    `problems` contains (field, value, reason). `retry_after` is the number of seconds before a retry.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        problems: list[tuple[str, object, str]] | None = None,
        *,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = problems or []
        self.retry_after = retry_after

    @classmethod
    def of(cls, broken: ContractError, status: int = HTTPStatus.UNPROCESSABLE_ENTITY) -> "Problem":
        """Return the error response for a broken contract."""
        return cls(status, str(broken), broken.problems)

    def response(self) -> Response:
        """Return the response, with long values truncated."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.problems:
            body["problems"] = [
                {"field": name, "value": _truncated(value), "reason": reason} for name, value, reason in self.problems
            ]
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        return response(self.status, body, {"content-type": PROBLEM, **headers})


@dataclass(frozen=True)
class Request:
    """One request. `caller` is the identity that API Gateway verified, or ""; `scopes` are those of its token."""

    method: str
    route: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path: Mapping[str, str]
    body: bytes
    caller: str = ""
    scopes: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> "Request":
        """Read the event of API Gateway."""
        context = payload["requestContext"]
        text = payload.get("body") or ""
        body = base64.b64decode(text) if payload.get("isBase64Encoded") else text.encode()
        caller, scopes = _identity(context.get("authorizer") or {})
        return cls(
            method=context["http"]["method"],
            route=payload["routeKey"],
            headers=payload.get("headers") or {},
            query=payload.get("queryStringParameters") or {},
            path=payload.get("pathParameters") or {},
            body=body,
            caller=caller,
            scopes=scopes,
        )

    @property
    def content_type(self) -> str:
        """The content type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Return the parsed body. Raises Problem."""
        try:
            return _encodable(json.loads(self.body, parse_float=_number, parse_constant=_number), self.body)
        except (ValueError, RecursionError) as error:
            shown = self.body[:_MOST_CHARACTERS].decode(errors="replace")
            raise Problem(
                400, f"The body is not JSON: {error}. Send a JSON document.", [("body", shown, str(error))]
            ) from error


def _identity(authorizer: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    if "iam" in authorizer:
        return str(authorizer["iam"]["userArn"]), frozenset()
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    scopes = claims.get("scope") or claims.get("scp") or ""
    return str(claims.get("sub") or claims.get("client_id") or ""), frozenset(scopes.strip("[]").split())


def response(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a JSON body. A string is a JSON document already."""
    body = content if isinstance(content, str) else json.dumps(content, default=str)
    return {"statusCode": status, "headers": {"content-type": JSON, **(headers or {})}, "body": body}


def respond(payload: Mapping[str, Any], handle: Callable[[Request], Response]) -> Response:
    """Handle a request, and convert a Problem to its response."""
    try:
        return handle(Request.of(payload))
    except Problem as problem:
        return problem.response()


def _number(text: str) -> int | float:
    """Parse a number: 2.0 is the integer 2, as in JSON Schema, and infinite numbers are rejected."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return int(value) if value.is_integer() else value


def _encodable(value: Any, body: bytes) -> Any:
    """Return the parsed body. Raises ValueError for a lone surrogate, which no event can contain."""
    if b"\\ud" in body.lower():
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _truncated(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
