"""The one clock of the local cloud."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall time that can leap forward, so that a retry in six hours need not take six hours.

    Everything in the event plane that reads the time reads it here. Moments are seconds since 1970; `leapt` is how
    many seconds it has leapt over.
    """

    def __init__(self) -> None:
        self.leapt = 0.0

    def now(self) -> float:
        """The moment it is in the local cloud."""
        return time.time() + self.leapt

    def leap_to(self, moment: float) -> None:
        """Make it `moment` now; a moment that is past changes nothing."""
        self.leapt += max(0.0, moment - self.now())

    def datetime(self) -> datetime:
        """The moment it is, with its zone."""
        return datetime.fromtimestamp(self.now(), UTC)


def iso(moment: float) -> str:
    """A moment as EventBridge writes it: UTC, in whole seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(moment: float) -> str:
    """A moment as Lambda writes it: UTC, in milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
