"""The pool's end of a worker's socket, on the event loop."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from millrace.local.workers.inside import wire

_PIECE = 1 << 18


class Channel:
    """Sends without waiting, and hands over each frame that arrives."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, end: socket.socket, arrived: Callable[[Any, bytes], None]
    ) -> None:
        self._loop = loop
        self._end = end
        self._arrived = arrived
        self._inbox = wire.Inbox()
        self._unsent = bytearray()
        end.setblocking(False)  # noqa: FBT003 - the socket's own signature
        loop.add_reader(end, self._read)

    def send(self, data: bytes) -> None:
        """Send, or keep what does not fit until it does. To a worker that is gone, nothing is sent."""
        if not self._unsent:
            data = data[self._write(data) :]
            if data:
                self._loop.add_writer(self._end, self._write_more)
        self._unsent += data

    def drain(self) -> None:
        """Take all that has arrived."""
        while self._read():
            pass

    def close(self) -> None:
        """Let go of the socket."""
        if self._end.fileno() >= 0:
            self._loop.remove_reader(self._end)
            self._loop.remove_writer(self._end)
            self._end.close()

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return self._end.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # the worker ended; its zygote reports the exit code

    def _write_more(self) -> None:
        del self._unsent[: self._write(self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._end)

    def _read(self) -> bool:
        """Take a piece; False when there is none to take now."""
        if self._end.fileno() < 0:
            return False
        try:
            piece = self._end.recv(_PIECE)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True  # reported once, before the data that was sent earlier
        if not piece:
            self._loop.remove_reader(self._end)
        for meta, body in self._inbox.feed(piece):
            self._arrived(meta, body)
        return bool(piece)
