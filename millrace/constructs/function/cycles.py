"""Circles of events that are meant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AllowedCycle:
    """Why events may go round, and how many causes an event of the circle may have behind it."""

    reason: str
    max_hops: int


def allow_cycle(*, reason: str, max_hops: int) -> AllowedCycle:
    """Let a function close a circle of events: `Processor(…, allow_cycle=allow_cycle(reason=…, max_hops=…))`."""
    return AllowedCycle(reason, max_hops)
