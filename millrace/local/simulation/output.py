"""Standard output of the handlers that run in this process: each invocation has its own log."""

import io
import threading


class Output(io.TextIOBase):
    """A text stream that collects the output of each thread that is registered with `collect`."""

    def __init__(self) -> None:
        self._texts: dict[int, list[str]] = {}

    def collect(self) -> None:
        """Start the log of this thread."""
        self._texts[threading.get_ident()] = []

    def take(self) -> str:
        """End the log of this thread and return it."""
        return "".join(self._texts.pop(threading.get_ident(), ()))

    def write(self, text: str) -> int:
        """Add to the log of this thread. The output of a handler's own threads is dropped."""
        self._texts.get(threading.get_ident(), []).append(text)
        return len(text)

    def write_bytes(self, data: bytes) -> None:
        """Add encoded text."""
        self.write(data.decode("utf-8", "replace"))

    def writable(self) -> bool:
        """Return True."""
        return True


OUTPUT = Output()
"""The output of all handlers in this process."""
