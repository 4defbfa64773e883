"""Two formats: frames between the pool and a worker, and messages of one size between the pool and a zygote."""

import json
import struct
from collections.abc import Iterator
from typing import Any

Frame = tuple[dict[str, Any], bytes]
"""A small JSON object, and a payload that is passed as it is."""

_HEAD = struct.Struct("!II")

CONTROL = struct.Struct("!cQqQ")
"""Kind, worker's number, then for ENDED the exit code (a signal is negative) and the most memory used, in KiB."""

START, KILL = b"s", b"k"
STARTED, ENDED = b"p", b"e"
"""From the zygote. STARTED carries the process id in place of the exit code."""


def pack(meta: dict[str, Any], body: bytes = b"") -> bytes:
    """One frame as bytes."""
    head = json.dumps(meta).encode()
    return _HEAD.pack(len(head), len(body)) + head + body


class Inbox:
    """Puts frames together from the pieces in which they arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Take a piece, and give the frames that are whole now."""
        self._buffer += piece
        while (frame := self._first()) is not None:
            yield frame

    def _first(self) -> Frame | None:
        if len(self._buffer) < _HEAD.size:
            return None
        head, body = _HEAD.unpack_from(self._buffer)
        middle, end = _HEAD.size + head, _HEAD.size + head + body
        if len(self._buffer) < end:
            return None
        frame = json.loads(self._buffer[_HEAD.size : middle]), bytes(self._buffer[middle:end])
        del self._buffer[:end]
        return frame
