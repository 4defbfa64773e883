"""`breakpoint()` in a worker: pdb reads its commands from the terminal of the local cloud's process."""

import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

from . import logs, wire

_SKIPPED = (
    "breakpoint() is skipped: it works in a handler, and if the local cloud runs in a terminal. "
    "Elsewhere, use millrace up --debug."
)


def install(pool: socket.socket, frames: Iterator[wire.Frame], *, terminal: bool) -> None:
    """Let `breakpoint()` start pdb at the terminal, or log why it does not. `frames` are those of the pool."""
    debugger: list[Any] = []

    def stop(*_arguments: Any, **_options: Any) -> None:
        if not terminal:
            logs.write_event(_SKIPPED)
            return
        if not debugger:
            import pdb

            remote: Any = _Terminal(pool, frames)
            debugger.append(pdb.Pdb(stdin=remote, stdout=remote, nosigint=True))
        signal.setitimer(signal.ITIMER_REAL, 0)  # the time limit of a breaker
        debugger[0].set_trace(sys._getframe(1))  # noqa: SLF001 - as pdb.set_trace does

    sys.breakpointhook = stop


class _Terminal:
    """A text file whose lines come from the pool. What is written goes along with the next request for a line."""

    def __init__(self, pool: socket.socket, frames: Iterator[wire.Frame]) -> None:
        self._pool = pool
        self._frames = frames
        self._written: list[str] = []

    def write(self, text: str) -> None:
        self._written.append(text)

    def flush(self) -> None:
        """Do nothing: `readline` sends what was written."""

    def readline(self) -> str:
        self._pool.sendall(
            wire.pack({"kind": "reads-line"}, "".join(self._written).encode("utf-8", "backslashreplace"))
        )
        self._written.clear()
        _, line = next(self._frames)
        return line.decode()
