"""A short HTTP client for the SDK's requests to the local cloud. In workers, clients of botocore use it.

urllib3 and http.client take a third of the processor time of a request, and functions make dozens of requests per
event. botocore still builds, signs, retries and parses. Streams, proxies and other hosts stay with urllib3.
"""

import functools
import inspect
import os
import re
import select
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

from botocore import exceptions
from botocore.awsrequest import AWSResponse
from botocore.endpoint import DEFAULT_TIMEOUT, EndpointCreator
from botocore.httpsession import URLLib3Session

_URL = re.compile(r"http://127\.0\.0\.1:(\d+)(/.*)?")
_ENDPOINT = "AWS_ENDPOINT_URL"
_PIECE = 1 << 16
_MAX_IDLE = 10
"""Open connections that a client keeps, as botocore does."""
_LEFT_TO_URLLIB3 = ("expect", "host", "transfer-encoding")


class ChangedSdkError(RuntimeError):
    """botocore no longer has what this module uses."""


def install() -> None:
    """Make botocore create its clients with this session. Raises ChangedSdkError."""
    create: Any = EndpointCreator.create_endpoint
    if "http_session_cls" not in inspect.signature(create).parameters:
        raise ChangedSdkError("EndpointCreator.create_endpoint of botocore has no http_session_cls: adapt loopback.py.")
    EndpointCreator.create_endpoint = functools.partialmethod(create, http_session_cls=Session)  # type: ignore[assignment]


class Session:
    """The HTTP session of a client, with the parameters of botocore's own. Threads share it."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        timeout = options.get("timeout") or DEFAULT_TIMEOUT
        self._connect_timeout, self._read_timeout = timeout if isinstance(timeout, tuple | list) else (timeout, timeout)
        self._idle: deque[socket.socket] = deque()

    @functools.cached_property
    def _urllib3(self) -> URLLib3Session:
        return URLLib3Session(**self._options)

    def send(self, request: Any) -> Any:
        """Return the response to a request. Raises the errors of botocore's session."""
        address = _URL.fullmatch(request.url) if request.url.startswith(os.environ.get(_ENDPOINT, "-")) else None
        message = _message(request, address) if address and not self._options.get("proxies") else None
        if address is None or message is None:
            return self._urllib3.send(request)
        try:
            return self._exchanged(request, int(address[1]), message)
        except ConnectionRefusedError as error:
            raise exceptions.EndpointConnectionError(endpoint_url=request.url, error=error) from error
        except TimeoutError as error:
            raise exceptions.ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except OSError as error:
            raise exceptions.ConnectionClosedError(endpoint_url=request.url, request=request, error=error) from error

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()
        if "_urllib3" in self.__dict__:
            self._urllib3.close()

    def _exchanged(self, request: Any, port: int, message: bytes) -> Any:
        connection = self._taken() or socket.create_connection(("127.0.0.1", port), self._connect_timeout)
        try:
            connection.settimeout((request.context or {}).get("read_timeout") or self._read_timeout)
            connection.sendall(message)
            status, headers, body = _received(connection)
        except BaseException:
            connection.close()
            raise
        if headers.get("connection", "").lower() == "close" or len(self._idle) >= _MAX_IDLE:
            connection.close()
        else:
            self._idle.append(connection)
        response: Any = AWSResponse(request.url, status, headers, _Body(body))  # type: ignore[arg-type]
        return response

    def _taken(self) -> socket.socket | None:
        """Return an idle connection that the server has not closed."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took it
                return None
            if not select.select([connection], [], [], 0)[0]:
                return connection
            connection.close()
        return None


class _Body:
    """The body of a response, as botocore reads it from urllib3."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        """Yield the body."""
        yield self._content


def _message(request: Any, address: re.Match[str]) -> bytes | None:
    """Return the bytes of a request; None if its body or a header needs urllib3."""
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    if request.stream_output or request.method == "HEAD" or not isinstance(body, bytes | bytearray):
        return None
    lines = [f"{request.method} {address[2] or '/'} HTTP/1.1", f"Host: 127.0.0.1:{address[1]}"]
    for name, value in request.headers.items():
        if name.lower() in _LEFT_TO_URLLIB3:
            return None
        lines.append(f"{name}: {value.decode('latin-1') if isinstance(value, bytes) else value}")
    head = "\r\n".join((*lines, "Accept-Encoding: identity"))
    if head.count("\n") > len(lines) or not head.isascii():
        return None
    return f"{head}\r\n\r\n".encode() + body


def _received(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a response. Raises OSError."""
    received = connection.recv(_PIECE)
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    size = int(headers["content-length"])
    while len(body) < size:
        body += _more(connection)
    return int(first.split(" ", 2)[1]), headers, body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(_PIECE)
    if not piece:
        raise ConnectionAbortedError("Connection closed before the response was complete.")
    return piece
