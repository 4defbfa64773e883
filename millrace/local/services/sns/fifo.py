"""FIFO topics: sequence numbers, and duplicates within five minutes.

https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
"""

import hashlib
from itertools import count
from typing import Any, NamedTuple

_DEDUPLICATION_SECONDS = 300
_FIRST, _STEP = 10_000_000_000_000_000_000, 1000


class Published(NamedTuple):
    """A message of a FIFO topic. `time` is in seconds since 1970."""

    message_id: str
    sequence_number: str
    time: float


class FifoMessages:
    """The messages of one FIFO topic in the last five minutes, by deduplication id."""

    def __init__(self) -> None:
        self._published: dict[tuple[str, str], Published] = {}
        self._numbers = count(_FIRST, _STEP)

    def duplicate(self, key: tuple[str, str], now: float) -> Published | None:
        """Return the message that a message with this key repeats; None for a new message."""
        while self._published:
            oldest = next(iter(self._published))
            if now - self._published[oldest].time < _DEDUPLICATION_SECONDS:
                break
            del self._published[oldest]
        return self._published.get(key)

    def add(self, key: tuple[str, str], message_id: str, now: float) -> Published:
        """Number a message."""
        published = Published(message_id, str(next(self._numbers)), now)
        self._published[key] = published
        return published

    def sequence_number(self, message_id: str) -> str:
        """Return the number of a message that was published just now."""
        latest = reversed(self._published.values())
        return next(each.sequence_number for each in latest if each.message_id == message_id)


def messages_of(topic: Any) -> FifoMessages:
    """Return the messages of moto's topic."""
    found: FifoMessages = topic.__dict__.setdefault("millrace_fifo", FifoMessages())
    return found


def key_of(topic: Any, group: str, identity: str) -> tuple[str, str]:
    """Return what identifies duplicates: the deduplication id, within a message group if the topic has that scope."""
    scope = getattr(topic, "fifo_throughput_scope", None)
    return (group if scope == "MessageGroup" else "", identity)


def content_hash(message: str) -> str:
    """Return the deduplication id that SNS computes from a message."""
    return hashlib.sha256(message.encode()).hexdigest()
