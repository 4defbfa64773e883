"""The time that a function sees: that of the local cloud, not that of the machine."""

import time
from typing import Any

_SAME_SECONDS = 0.01
"""A smaller difference is the time to read the two clocks."""
_travelled = 0.0
_traveller: Any = None


def set_ahead(seconds: float) -> None:
    """Be that many seconds ahead of the machine's wall clock, for everything that reads the time of day.

    Monotonic clocks do not change: the duration of a function includes no idle time that was skipped.
    """
    global _travelled, _traveller  # noqa: PLW0603 - a process has one time
    if abs(seconds - _travelled) < _SAME_SECONDS:
        return
    if _traveller is None:
        import time_machine

        _traveller = time_machine.travel(time.time()).start()
        time.time()  # starts the new time
    _traveller.shift(seconds - _travelled)
    _travelled = seconds
