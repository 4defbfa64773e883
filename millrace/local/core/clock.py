"""The clock of the local cloud."""

import time
from datetime import UTC, datetime


class Clock:
    """A clock that never goes backward and can skip idle time. Times are in seconds since 1970.

    It starts at the machine's wall clock and follows its monotonic clock, so that a correction of the wall clock, as
    by NTP, does not delay a retry. `skipped_time` is in seconds.
    """

    def __init__(self) -> None:
        self.skipped_time = 0.0
        self._origin = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the current time of the local cloud."""
        return self._origin + time.monotonic() + self.skipped_time

    @property
    def wall_clock_offset(self) -> float:
        """Seconds by which this clock is ahead of the machine's wall clock: skipped time and corrections."""
        return self.now() - time.time()

    def skip_to(self, due: float) -> None:
        """Skip the time until `due`, unless it is in the past."""
        self.skipped_time += max(0.0, due - self.now())

    def datetime(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.fromtimestamp(self.now(), UTC)


def iso(seconds: float) -> str:
    """Return a time in EventBridge's format: UTC, whole seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_millis(seconds: float) -> str:
    """Return a time in Lambda's format: UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
