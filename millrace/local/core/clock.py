"""The one clock of the local cloud."""

import time
from datetime import UTC, datetime


class Clock:
    """Wall time that never goes backward and can skip idle time, so that a retry in six hours need not take six hours.

    It starts at the machine's wall clock and follows its monotonic clock: a correction of the wall clock, as by NTP,
    holds no retry up. Moments are seconds since 1970; `skipped_time` counts the seconds that were skipped.
    """

    def __init__(self) -> None:
        self.skipped_time = 0.0
        self._origin = time.time() - time.monotonic()

    def now(self) -> float:
        """The moment it is in the local cloud."""
        return self._origin + time.monotonic() + self.skipped_time

    @property
    def wall_clock_offset(self) -> float:
        """Seconds between the machine's wall clock and this clock: what was skipped, and corrections of the former."""
        return self.now() - time.time()

    def leap_to(self, moment: float) -> None:
        """Make it `moment` now; a moment that is past changes nothing."""
        self.skipped_time += max(0.0, moment - self.now())

    def datetime(self) -> datetime:
        """The moment it is, with its zone."""
        return datetime.fromtimestamp(self.now(), UTC)


def iso(moment: float) -> str:
    """A moment as EventBridge writes it: UTC, in whole seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(moment: float) -> str:
    """A moment as Lambda writes it: UTC, in milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
