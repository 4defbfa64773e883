"""The HTTP server of the local cloud: uvicorn in a thread that is not the main one."""

import asyncio
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Server(uvicorn.Server):
    """Leaves signals to the main thread, and calls `listening` as soon as it listens."""

    def __init__(self, application: Any, listening: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                log_level="critical",
                access_log=False,
                http=_Protocol,
                ws="none",
                lifespan="off",
                loop="asyncio",
                proxy_headers=False,
            )
        )
        self._listening = listening

    def install_signal_handlers(self) -> None:
        """Leave signals to the main thread."""

    async def startup(self, sockets: Any = None) -> None:
        """Start, then call `listening`."""
        await super().startup(sockets)
        self._listening()


class _Protocol(HttpToolsProtocol):
    """Sends head and body of a response together."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_JoinedWrites(transport, self.loop))  # type: ignore[arg-type]


class _JoinedWrites:
    """A transport that sends once what is written in one step of the loop.

    While a thread sends, another takes the interpreter, and keeps it for up to five milliseconds.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._unsent: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send with what else is written now."""
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(data)

    def close(self) -> None:
        """Send the rest, and close."""
        self._send()
        self._transport.close()

    def _send(self) -> None:
        if self._unsent:
            unsent, self._unsent = b"".join(self._unsent), []
            self._transport.write(unsent)
