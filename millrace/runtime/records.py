"""Idempotency records: what a function stores of each event that it has handled."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from millrace.events import Envelope

Key = tuple[str, ...]
SCOPE = "MILLRACE_SCOPE"
"""The environment variable with the prefix of a function's records."""


class InProgressError(RuntimeError):
    """Another delivery of the same event is being handled. Retry this one later."""


class PayloadMismatchError(RuntimeError):
    """The idempotency key of an event was used before by another event, with other data.

    `fingerprint` is the one of the event that was handled under the key.
    """

    def __init__(self, message: str, fingerprint: str = "") -> None:
        super().__init__(message)
        self.fingerprint = fingerprint


@dataclass(frozen=True)
class Result:
    """The events that a handler returned for an event, and whether they are published."""

    envelopes: list[Envelope]
    published: bool


class Records(Protocol):
    """The idempotency records of one function."""

    def begin(self, key: Key, milliseconds: int, fingerprint: str = "") -> Result | None:
        """Create the record of an event, locked for this time. Returns the result if the event was handled before.

        Raises InProgressError, and PayloadMismatchError if the record has another fingerprint.
        """

    def save(self, keys: Sequence[Key], result: Result) -> None:
        """Save the result of events that were handled together. The record of the first one contains it."""

    def release(self, key: Key, error: Exception) -> None:
        """Delete the record of an event whose handler failed."""


def scope() -> str:
    """Return the prefix of this function's records; empty outside a stack."""
    return os.environ.get(SCOPE, "")
