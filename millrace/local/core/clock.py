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
        self._stops = 0
        self._stopped_at = 0.0

    def now(self) -> float:
        """Return the current time of the local cloud."""
        return self._stopped_at if self._stops else self._origin + time.monotonic() + self.skipped_time

    @property
    def stands_still(self) -> bool:
        """Whether a debugged function runs."""
        return self._stops > 0

    def stop(self) -> None:
        """Stand still until each call of `stop` has been followed by one of `go_on`."""
        self._stopped_at = self.now()
        self._stops += 1

    def go_on(self) -> None:
        """Go on from where the clock stands. Skipped time shrinks by the time of the stop."""
        self._stops -= 1
        if not self._stops:
            self.skipped_time += self._stopped_at - self.now()

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
