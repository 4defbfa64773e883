"""Event ids that sort by time and need no coordination."""

import hashlib
import json
import os
import threading
import time
from datetime import datetime
from uuid import UUID

_RANDOM_BITS = 62
_VERSION = 7
_LAST_TICK = (1 << 60) - 1
_lock = threading.Lock()
_last_tick = 0


def new_event_id() -> str:
    """A UUID of version 7 (RFC 9562, section 5.7) whose first 60 free bits count the time.

    48 bits are the milliseconds, 12 bits the fraction of a millisecond. Within a process each id sorts after the
    previous one, even if the clock stops or steps back.
    """
    random_bits = int.from_bytes(os.urandom(8), "big") >> (64 - _RANDOM_BITS)
    return _formed(_next_tick(), random_bits)


def effect_id(cause: str, moment: datetime, producer: str, position: int) -> str:
    """The id of the event that a producer publishes at a position as an effect of a cause. It is deterministic.

    It sorts after its cause: it has the time of the cause's id, or `moment` if that id contains no time.
    """
    drawn = hashlib.sha256(json.dumps([cause, producer, position]).encode()).digest()
    return _formed(_tick_of(cause, moment) + 1 + position, int.from_bytes(drawn[:8], "big") >> (64 - _RANDOM_BITS))


def _formed(tick: int, low_bits: int) -> str:
    tick = min(max(tick, 0), _LAST_TICK)
    millis, fraction = tick >> 12, tick & 0xFFF
    return str(UUID(int=millis << 80 | _VERSION << 76 | fraction << 64 | 0b10 << _RANDOM_BITS | low_bits))


def _tick_of(event_id: str, moment: datetime) -> int:
    try:
        known = UUID(event_id)
    except ValueError:
        known = UUID(int=0)
    if known.version == _VERSION:
        return known.int >> 80 << 12 | known.int >> 64 & 0xFFF
    return int(moment.timestamp() * 1000) << 12


def _next_tick() -> int:
    global _last_tick  # noqa: PLW0603 - all threads share the last id
    with _lock:
        now = time.time_ns() * 4096 // 1_000_000
        _last_tick = max(now, _last_tick + 1)
        return _last_tick
