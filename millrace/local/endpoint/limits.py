"""Limits for the size of a request and the time to receive its body.

A request is refused by its Content-Length before its body is read, else where the body passes the limit. The services
have further and lower limits on what a body contains, such as the size of a message.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.core.http import MAX_OBJECT_BYTES, Request, Response
from millrace.local.core.unsupported import error_response, named
from millrace.local.services.apigatewayv2 import HttpError
from millrace.local.services.lambda_ import INVOKE, payload_limit, payload_too_large

MOST_BYTES = 16 * 1024 * 1024
"""Of DynamoDB, which has the highest limit of the JSON and query protocols; here it holds for each of them.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""
MOST_API_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
MOST_CODE_BYTES = 70_167_211
"""50 MB of zip in base64. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
IDLE_SECONDS = 20.0
"""How long S3 waits for more of a body. https://repost.aws/knowledge-center/s3-socket-connection-timeout-error"""

_TOO_LARGE = 413
_BAD_REQUEST = 400
_GZIP = zlib.MAX_WBITS | 16
_CLOSE = ("connection", "close")

Receive = Callable[[], Awaitable[Any]]


class RefusedRequestError(Exception):
    """A request that is refused before its body is read to the end."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.body!r}")
        self.response = response


class DisconnectedError(Exception):
    """The client closed the connection before its request was complete."""


@dataclass(frozen=True)
class _Limit:
    """The maximum size of a body in bytes, and the response to a larger one."""

    most: int
    refusal: Callable[[int], Response]


async def received(request: Request, receive: Receive, *, is_api: bool) -> Request:
    """Return a request with its body, read from ASGI's `receive`. Raises RefusedRequestError, DisconnectedError."""
    limit = _limit(request, is_api=is_api)
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdecimal() else 0
    parts: list[bytes] = []
    more = True
    read = 0
    while more and max(size, read) <= limit.most:
        message = await _next(request, receive)
        parts.append(message.get("body", b""))
        read += len(parts[-1])
        more = message.get("more_body", False)
    if max(size, read) > limit.most:
        raise RefusedRequestError(limit.refusal(max(size, read)))
    return replace(request, body=b"".join(parts))


async def _next(request: Request, receive: Receive) -> Any:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            message = await receive()
    except TimeoutError:
        text = "Your socket connection to the server was not read from or written to within the timeout period."
        response = error_response(request, "RequestTimeout", text, _BAD_REQUEST)
        raise RefusedRequestError(replace(response, headers=(*response.headers, _CLOSE))) from None
    if message["type"] == "http.disconnect":
        raise DisconnectedError
    return message


def check_unpacked(request: Request) -> None:
    """Refuse a compressed request that is too large when it is unpacked. Raises RefusedRequestError.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-compression.html
    """
    if request.headers.get("content-encoding") != "gzip" or request.service == "s3":
        return
    unpacking = zlib.decompressobj(_GZIP)
    try:
        size = len(unpacking.decompress(request.body, MOST_BYTES + 1))
    except zlib.error as error:
        raise RefusedRequestError(_unreadable(request, f"The body is not gzip: {error}")) from error
    if size > MOST_BYTES:
        raise RefusedRequestError(_content_too_large(request, MOST_BYTES))
    if unpacking.unused_data:
        raise RefusedRequestError(_unreadable(request, "The body has more than one gzip member."))


def _limit(request: Request, *, is_api: bool) -> _Limit:
    if is_api:
        too_large = HttpError(_TOO_LARGE, "Request Entity Too Large", "the body is too large")
        return _Limit(MOST_API_BYTES, lambda _: too_large.response())
    kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
    if not request.operation and INVOKE.match(request.path):
        return _Limit(payload_limit(kind), lambda size: Response(*payload_too_large(kind, size)))
    if not request.operation and request.service == "lambda":
        return _Limit(MOST_CODE_BYTES, lambda _: _code_too_large(request))
    if not request.operation and request.service in ("s3", ""):
        return _Limit(MAX_OBJECT_BYTES, lambda size: _object_too_large(request, size))
    return _Limit(MOST_BYTES, lambda _: _content_too_large(request, MOST_BYTES))


def _code_too_large(request: Request) -> Response:
    operation = named(request).rpartition(" ")[2]
    text = f"Request must be smaller than {MOST_CODE_BYTES} bytes for the {operation} operation"
    return error_response(request, "RequestEntityTooLargeException", text, _TOO_LARGE)


def _object_too_large(request: Request, size: int) -> Response:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""
    text = (
        "Your proposed upload exceeds the maximum allowed size. Millrace's local cloud accepts at most "
        f"{MAX_OBJECT_BYTES} bytes in one request, not {size}: use a multipart upload."
    )
    return error_response(request, "EntityTooLarge", text, _BAD_REQUEST)


def _content_too_large(request: Request, most: int) -> Response:
    text = f"HTTP content length exceeded {most} bytes."
    return error_response(request, "RequestEntityTooLarge", text, _TOO_LARGE)


def _unreadable(request: Request, text: str) -> Response:
    return error_response(request, "SerializationException", text, _BAD_REQUEST)
