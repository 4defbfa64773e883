"""Requests and answers in API Gateway's payload format 2.0, and problems as RFC 9457 has them.

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
Answer = dict[str, Any]


class Problem(Exception):
    """A request that is not answered as it wishes: the status, and what to send instead.

    `problems` holds (field, value, reason); `again` is in how many seconds the same may be sent again.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        problems: list[tuple[str, object, str]] | None = None,
        *,
        again: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.problems = problems or []
        self.again = again

    @classmethod
    def of(cls, broken: ContractError, status: int = HTTPStatus.UNPROCESSABLE_ENTITY) -> "Problem":
        """A broken contract, as the answer to a request."""
        return cls(status, str(broken), broken.problems)

    def answer(self) -> Answer:
        """The answer, with each value that is in the way cut short."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.problems:
            body["problems"] = [
                {"field": name, "value": _short(value), "reason": reason} for name, value, reason in self.problems
            ]
        later = {} if self.again is None else {"retry-after": str(self.again)}
        return answer(self.status, body, {"content-type": PROBLEM, **later})


@dataclass(frozen=True)
class Request:
    """One request. `caller` is whoever API Gateway says it is, "" where the API is open; `scopes` are a token's."""

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
        """Read API Gateway's event."""
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
        """The type of the body, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body, parsed. Raises Problem."""
        try:
            return json.loads(self.body, parse_float=_number, parse_constant=_number)
        except (ValueError, RecursionError) as error:
            shown = self.body[:_MOST_CHARACTERS].decode(errors="replace")
            raise Problem(
                400, f"The body is no JSON: {error}. Send a JSON document.", [("body", shown, str(error))]
            ) from error


def _identity(authorizer: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    if "iam" in authorizer:
        return str(authorizer["iam"]["userArn"]), frozenset()
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    told = claims.get("scope") or claims.get("scp") or ""
    return str(claims.get("sub") or claims.get("client_id") or ""), frozenset(told.strip("[]").split())


def answer(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer whose body is JSON; a text is a JSON document already."""
    body = content if isinstance(content, str) else json.dumps(content, default=str)
    return {"statusCode": status, "headers": {"content-type": JSON, **(headers or {})}, "body": body}


def answered(payload: Mapping[str, Any], handle: Callable[[Request], Answer]) -> Answer:
    """Answer a request; a problem is an answer as well."""
    try:
        return handle(Request.of(payload))
    except Problem as problem:
        return problem.answer()


def _number(text: str) -> int | float:
    """A number of JSON: 2.0 is the integer 2, as JSON Schema has it, and what is not finite is none."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return int(value) if value.is_integer() else value


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
