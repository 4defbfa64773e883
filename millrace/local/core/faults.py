"""Fault injection: failed, killed and duplicate calls of functions, and transaction conflicts in DynamoDB."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Literal

Fault = Literal["rejected", "response_lost", "killed", "doubled", "conflict", "throttled"]
_MAX_DELAY = 0.02


@dataclass(frozen=True)
class Rates:
    """Rates of faults, from 0 to 1, in calls of the functions named in `only`, or of all functions.

    `failing`: Lambda fails; half of these calls run the function first. `killed`: the worker process is killed during
    the call. `doubled`: the function is also called a second time. `conflicts`: DynamoDB rejects a request of the
    function as if another transaction were writing the same item.
    """

    failing: float = 0.0
    killed: float = 0.0
    doubled: float = 0.0
    conflicts: float = 0.0
    only: Collection[str] = ()


class Faults:
    """Draws the fault of each call at the current rates, which start at 0. `drawn` counts faults."""

    def __init__(self) -> None:
        self.drawn: Counter[Fault] = Counter()
        self.set(Rates(), seed=0)

    def set(self, rates: Rates, *, seed: int) -> None:
        """Set the rates and restart the random numbers."""
        self._rates = rates
        self._random = Random(seed)  # noqa: S311 - reproducible
        self._conflicts = Random(seed)  # noqa: S311 - separate: calls keep their faults for a seed

    def draw(self, function: str, *, ordered: bool = False) -> Fault | None:  # noqa: ARG002 - rates ignore the order
        """Return the fault of the next call of a function, by display name.

        `ordered`: records of a FIFO queue or a stream, which AWS sends again only after a failure.
        """
        rates = self._rates
        if rates.only and function not in rates.only:
            return None
        drawn = self._random.random()
        faults: list[tuple[float, Fault]] = [
            (rates.failing / 2, "rejected"),
            (rates.failing / 2, "response_lost"),
            (rates.killed, "killed"),
            (rates.doubled, "doubled"),
        ]
        for rate, fault in faults:
            if drawn < rate:
                self.drawn[fault] += 1
                return fault
            drawn -= rate
        return None

    def throttled(self, function: str) -> bool:  # noqa: ARG002 - there is no rate for it
        """Return whether Lambda throttles the next call of a function."""
        return False

    def batch_size(self, source: str, most: int) -> int:  # noqa: ARG002 - there is no rate for it
        """Return the size of the next batch of a queue."""
        return most

    @property
    def conflicting(self) -> bool:
        """Whether requests to DynamoDB may conflict."""
        return self._rates.conflicts > 0

    def draw_conflict(self, function: str, items: int) -> int | None:
        """Return the index of the conflicting item among a request's `items`; None if none conflicts."""
        rates = self._rates
        if (rates.only and function not in rates.only) or self._conflicts.random() >= rates.conflicts:
            return None
        self.drawn["conflict"] += 1
        return self._conflicts.randrange(items)

    def later(self, action: Callable[[], None]) -> None:
        """Run an action during a call or shortly after it."""
        asyncio.get_running_loop().call_later(self._random.uniform(0, _MAX_DELAY), action)
