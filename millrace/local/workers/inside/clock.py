"""The time that a function sees: the machine's, and what the local cloud has leapt over."""

import time
from typing import Any

_travelled = 0.0
_traveller: Any = None


def leap(seconds: float) -> None:
    """Be so many seconds ahead of the machine's clock, for everything that asks what time it is.

    Monotonic clocks stay as they are: what a function takes is never leapt over.
    """
    global _travelled, _traveller  # noqa: PLW0603 - a process has one time
    if seconds == _travelled:
        return
    if _traveller is None:
        import time_machine  # noqa: PLC0415 - until the first leap nobody needs it

        _traveller = time_machine.travel(time.time()).start()
        time.time()  # the journey begins when it is first asked for the time
    _traveller.shift(seconds - _travelled)
    _travelled = seconds
