"""Event ids that sort by time and need no coordination."""

import os
import threading
import time
from uuid import UUID

_RANDOM_BITS = 62
_lock = threading.Lock()
_last_tick = 0


def new_event_id() -> str:
    """A UUID of version 7 (RFC 9562, section 5.7) whose first 60 free bits count the time.

    48 bits hold the milliseconds, 12 bits the fraction of one; within a process no two are equal and
    each sorts after the one before it, even where the clock stands still or steps back.
    """
    random_bits = int.from_bytes(os.urandom(8), "big") >> (64 - _RANDOM_BITS)
    tick = _next_tick()
    millis, fraction = tick >> 12, tick & 0xFFF
    value = millis << 80 | 0x7 << 76 | fraction << 64 | 0b10 << _RANDOM_BITS | random_bits
    return str(UUID(int=value))


def _next_tick() -> int:
    global _last_tick  # noqa: PLW0603 - the last id given is the one thing ids of a process share
    with _lock:
        now = time.time_ns() * 4096 // 1_000_000
        _last_tick = max(now, _last_tick + 1)
        return _last_tick
