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

from millrace.local.core.json_text import parsed
from millrace.local.services.lambda_.functions import Functions
from millrace.local.services.lambda_.recursion import RECURSIVE, is_recursive
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

MAX_REQUEST_BYTES = 6_291_456
MAX_RESPONSE_BYTES = 6_291_556
MAX_ASYNC_BYTES = 1_048_576
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

INVOKE = re.compile(r"^/2015-03-31/functions/([^/]+)/invocations/?$")
Headers = tuple[tuple[str, str], ...]
HttpResponse = tuple[int, bytes, Headers]
_TYPES = ("RequestResponse", "Event", "DryRun")


class Invoke:
    """Handles calls of Invoke. Responses are status, body and headers."""

    def __init__(self, region: "AccountRegion", functions: Functions) -> None:
        self._region = region
        self._functions = functions

    async def answer(self, name: str, query: str, headers: Mapping[str, str], body: bytes) -> HttpResponse:
        """Invoke a function as requested. Header names are in lower case."""
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        payload, trace_header = body or b"{}", headers.get("x-amzn-trace-id", "")
        if invalid := _invalid(kind, payload):
            return invalid
        try:
            function = self._functions.find(name, parse_qs(query).get("Qualifier", [None])[0])
        except LookupError as error:
            return _error(404, "ResourceNotFoundException", str(error.args[0]))
        if kind == "DryRun":
            return 204, b"", (("x-amz-executed-version", str(function.version)),)
        if kind == "Event":
            request_id = self._functions.invoke_async(function, payload, trace_header)
            return 202, b"", (("x-amzn-requestid", request_id),)
        if is_recursive(function, trace_header):
            return _error(400, "RecursiveInvocationException", RECURSIVE)
        return await self._invoke(function, payload, trace_header, tail=headers.get("x-amz-log-type") == "Tail")

    async def _invoke(self, function: Any, payload: bytes, trace_header: str, *, tail: bool) -> HttpResponse:
        future: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        began = self._region.clock.now()

        def done(outcome: Outcome | None) -> None:
            if not future.done():
                future.set_result(outcome)

        request_id = self._functions.invoke(function, payload, done, urgent=True, trace_headers=[trace_header])
        outcome = await future
        if outcome is None:
            reserved = self._functions.reserved_concurrency(function) is not None
            reason = f"{'ReservedFunction' if reserved else ''}ConcurrentInvocationLimitExceeded"
            return _error(429, "TooManyRequestsException", "Rate Exceeded.", Reason=reason)
        log = self._functions.logs.tail(function, outcome, began) if tail else b""
        return _response(function, outcome, request_id, log)


def _invalid(kind: str, payload: bytes) -> HttpResponse | None:
    if kind not in _TYPES:
        message = f"Value '{kind}' at 'invocationType' failed to satisfy constraint: {', '.join(_TYPES)}"
        return _error(400, "InvalidParameterValueException", message)
    if len(payload) > payload_limit(kind):
        return payload_too_large(kind, len(payload))
    if parsed(payload) is None and payload.strip() != b"null":
        message = "Could not parse request body into json: Could not parse payload into json"
        return _error(400, "InvalidRequestContentException", message)
    return None


def payload_limit(kind: str) -> int:
    """Return the maximum payload size of an invocation type in bytes."""
    return MAX_ASYNC_BYTES if kind == "Event" else MAX_REQUEST_BYTES


def payload_too_large(kind: str, size: int) -> HttpResponse:
    """Return the error response to a payload above the limit."""
    limit = payload_limit(kind)
    message = f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
    return _error(413, "RequestTooLargeException", message)


def _response(function: Any, outcome: Outcome, request_id: str, log: bytes) -> HttpResponse:
    body, failed = outcome.payload, outcome.status != "ok"
    if len(body) > MAX_RESPONSE_BYTES:
        failed = True
        message = f"Response payload size ({len(body)} bytes) exceeded maximum allowed payload size "
        message += f"({MAX_RESPONSE_BYTES} bytes)."
        body = json.dumps({"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}).encode()
    headers = [
        ("content-type", "application/json"),
        ("x-amzn-requestid", request_id),
        ("x-amz-executed-version", str(function.version)),
    ]
    if failed:
        headers.append(("x-amz-function-error", "Unhandled"))
    if log:
        headers.append(("x-amz-log-result", base64.b64encode(log).decode()))
    return 200, body, tuple(headers)


def _error(status: int, code: str, message: str, **more: str) -> HttpResponse:
    body = json.dumps({**more, "Type": "User", "message": message, "Message": message}).encode()
    return status, body, (("content-type", "application/json"), ("x-amzn-errortype", code))
