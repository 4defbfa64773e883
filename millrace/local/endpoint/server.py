"""The HTTP server of the local cloud: uvicorn on a loopback port, with a time limit for the headers of a request."""

import asyncio
import socket
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HOST = "127.0.0.1"
HEADER_SECONDS = 10.0
"""How long a connection may take until the headers of a request are complete."""
MOST_HEADER_BYTES = 512 * 1024
"""More than any AWS service takes; asyncio reads up to half of it at once."""


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with limits for the time and size of headers, which uvicorn lacks."""

    _deadline: TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request."""
        super().connection_made(_JoinedWrites(transport, self.loop))  # type: ignore[arg-type]
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._have_headers()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Expect the headers of a further request."""
        super().on_message_begin()
        self._expect_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the name of a header as it was sent: REST APIs give it to functions."""
        super().on_header(name, value)
        if not name.islower():
            names = self.scope.setdefault("header_names", {})  # type: ignore[typeddict-item]
            names[name.lower().decode("latin-1")] = name.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Stop the timer."""
        self._have_headers()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Parse data; close the connection where the headers become too large."""
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._deadline is not None:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES:
                self.send_400_response("The request headers are too large.")
        elif self.cycle is not None and self.cycle.response_complete and self.timeout_keep_alive_task is None:
            # Discard the rest of a refused body.
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _expect_headers(self) -> None:
        if self._deadline is None:
            self._header_bytes = 0
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _have_headers(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Server(uvicorn.Server):
    """uvicorn outside the main thread. It handles no signals, and calls `listening` when it listens."""

    def __init__(self, application: Any, listening: Callable[[], None]) -> None:
        config = uvicorn.Config(
            application,
            log_level="critical",
            access_log=False,
            http=Protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            proxy_headers=False,
        )
        super().__init__(config)
        self._listening = listening

    def install_signal_handlers(self) -> None:
        """Leave signals to the main thread."""

    async def startup(self, sockets: Any = None) -> None:
        """Start, then call `listening`."""
        await super().startup(sockets)
        self._listening()


def bound(port: int) -> socket.socket:
    """Return a socket on a loopback port; 0 chooses a free one. Raises OSError."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio disables Nagle only for this protocol
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(
            f"Port {port} of {HOST} is in use. Stop the program that listens there, or choose another port "
            "with --port or MILLRACE_PORT."
        ) from error
    return listener


class _JoinedWrites:
    """A transport that joins the writes of one step of the loop into one.

    While a thread sends, another takes the interpreter, and keeps it for up to five milliseconds.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._unsent: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Add data to the next write."""
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(data)

    def close(self) -> None:
        """Send the remaining data, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._unsent:
            unsent, self._unsent = b"".join(self._unsent), []
            self._transport.write(unsent)
