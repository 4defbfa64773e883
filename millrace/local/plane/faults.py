"""What goes wrong on purpose: calls of functions that fail, are killed, or come twice, as a seed has it.

So do requests of functions to DynamoDB, which conflict with transactions.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random
from typing import Literal

Fault = Literal["refused", "unheard", "killed", "doubled", "conflict"]
_LONGEST_LIFE = 0.02


@dataclass(frozen=True)
class Rates:
    """How many of the calls of functions, from 0 to 1, have which fault.

    `failing`: Lambda fails, half of the time after the function has done its work. `killed`: its process is killed
    while it works. `doubled`: it is called a second time at once. `conflicts`: DynamoDB rejects a request of it, as if
    another transaction were writing the same item. `only` names the functions whose calls these are; all if it is
    empty.
    """

    failing: float = 0.0
    killed: float = 0.0
    doubled: float = 0.0
    conflicts: float = 0.0
    only: Collection[str] = ()


class Faults:
    """Draws the fault of each call; none, until rates are set. `drawn` counts them."""

    def __init__(self) -> None:
        self.drawn: Counter[Fault] = Counter()
        self.set(Rates(), seed=0)

    def set(self, rates: Rates, *, seed: int) -> None:
        """Have calls go wrong at these rates from now on."""
        self._rates = rates
        self._random = Random(seed)  # noqa: S311 - a seed is what makes a run a run again
        self._conflicts = Random(seed)  # noqa: S311 - its own: the faults of calls stay what they are for a seed

    def draw(self, function: str) -> Fault | None:
        """What goes wrong with the next call of a function, by the name that a person knows it by."""
        rates = self._rates
        if rates.only and function not in rates.only:
            return None
        drawn = self._random.random()
        faults: list[tuple[float, Fault]] = [
            (rates.failing / 2, "refused"),
            (rates.failing / 2, "unheard"),
            (rates.killed, "killed"),
            (rates.doubled, "doubled"),
        ]
        for rate, fault in faults:
            if drawn < rate:
                self.drawn[fault] += 1
                return fault
            drawn -= rate
        return None

    @property
    def conflicting(self) -> bool:
        """Whether requests to DynamoDB may conflict."""
        return self._rates.conflicts > 0

    def draw_conflict(self, function: str, items: int) -> int | None:
        """The position of the item, of so many of a request, that conflicts; None if none does."""
        rates = self._rates
        if (rates.only and function not in rates.only) or self._conflicts.random() >= rates.conflicts:
            return None
        self.drawn["conflict"] += 1
        return self._conflicts.randrange(items)

    def later(self, action: Callable[[], None]) -> None:
        """Do something while the call is under way, or shortly after."""
        asyncio.get_running_loop().call_later(self._random.uniform(0, _LONGEST_LIFE), action)
