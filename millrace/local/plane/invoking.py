"""The Invoke operation of Lambda's API.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from millrace.local.lenient import parsed
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

MOST_REQUEST_BYTES = 6_291_456
MOST_RESPONSE_BYTES = 6_291_556
MOST_ASYNC_BYTES = 1_048_576
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

INVOKE = re.compile(r"^/2015-03-31/functions/([^/]+)/invocations/?$")
Headers = tuple[tuple[str, str], ...]
Answer = tuple[int, bytes, Headers]
_TYPES = ("RequestResponse", "Event", "DryRun")


class Invoking:
    """Answers calls of Invoke, each with its status, body and headers."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane

    async def answer(self, name: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Invoke a function as its caller asks; header names are in lower case."""
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        payload = body or b"{}"
        refused = self._refused(kind, payload)
        if refused:
            return refused
        try:
            function = self._plane.functions.find(name, parse_qs(query).get("Qualifier", [None])[0])
        except LookupError as error:
            return _error(404, "ResourceNotFoundException", str(error.args[0]))
        if kind == "DryRun":
            return 204, b"", (("x-amz-executed-version", str(function.version)),)
        if kind == "Event":
            request_id = self._plane.functions.invoke_async(function, payload)
            return 202, b"", (("x-amzn-requestid", request_id),)
        return await self._invoke(function, payload, tail=headers.get("x-amz-log-type") == "Tail")

    @staticmethod
    def _refused(kind: str, payload: bytes) -> Answer | None:
        if kind not in _TYPES:
            told = f"Value '{kind}' at 'invocationType' failed to satisfy constraint: {', '.join(_TYPES)}"
            return _error(400, "InvalidParameterValueException", told)
        if len(payload) > payload_limit(kind):
            return payload_too_large(kind, len(payload))
        if parsed(payload) is None and payload.strip() != b"null":
            told = "Could not parse request body into json: Could not parse payload into json"
            return _error(400, "InvalidRequestContentException", told)
        return None

    async def _invoke(self, function: Any, payload: bytes, *, tail: bool) -> Answer:
        future: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        began = self._plane.clock.now()

        def done(outcome: Outcome | None) -> None:
            if not future.done():
                future.set_result(outcome)

        request_id = self._plane.functions.invoke(function, payload, done, urgent=True)
        outcome = await future
        if outcome is None:
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            return _error(429, "TooManyRequestsException", "Rate Exceeded.", Reason=reason)
        logged = self._plane.logs.tail(function, outcome, began) if tail else b""
        return _answered(function, outcome, request_id, logged)


def payload_limit(kind: str) -> int:
    """The number of bytes that the payload of an invocation type may have."""
    return MOST_ASYNC_BYTES if kind == "Event" else MOST_REQUEST_BYTES


def payload_too_large(kind: str, size: int) -> Answer:
    """The answer to a payload of more bytes."""
    limit = payload_limit(kind)
    message = f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
    return _error(413, "RequestTooLargeException", message)


def _answered(function: Any, outcome: Outcome, request_id: str, logged: bytes) -> Answer:
    body, failed = outcome.payload, outcome.status != "ok"
    if len(body) > MOST_RESPONSE_BYTES:
        failed = True
        told = f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload size "
        told += f"({MOST_RESPONSE_BYTES} bytes)."
        body = json.dumps({"errorMessage": told, "errorType": "Function.ResponseSizeTooLarge"}).encode()
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", request_id),
        ("x-amz-executed-version", str(function.version)),
    ]
    if failed:
        headers.append(("x-amz-function-error", "Unhandled"))
    if logged:
        headers.append(("x-amz-log-result", base64.b64encode(logged).decode()))
    return 200, body, tuple(headers)


def _error(status: int, code: str, message: str, **more: str) -> Answer:
    body = json.dumps({**more, "Type": "User", "message": message, "Message": message}).encode()
    return status, body, (("content-type", "application/json"), ("x-amzn-errortype", code))
