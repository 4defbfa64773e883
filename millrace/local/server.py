"""The HTTP server behind the endpoint: uvicorn in a thread, on loopback."""

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

HOST = "127.0.0.1"


class Server(uvicorn.Server):
    """uvicorn in a thread that is not the main one: it leaves signals alone, and says when it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    def install_signal_handlers(self) -> None:
        """Leave signals to the main thread."""

    async def startup(self, sockets: Any = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._listening()


def bound(port: int) -> socket.socket:
    """A socket that is bound to a port of loopback; 0 takes a free one. Raises OSError for one that is taken."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # asyncio turns Nagle off only where it sees TCP named
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise OSError(f"Port {port} of {HOST} is taken: end what listens there, or choose another --port.") from error
    return listener
