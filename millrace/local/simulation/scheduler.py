"""The scheduler of a simulation: it runs on the caller's thread, and time passes only when no action is due."""

import math
from typing import TYPE_CHECKING

from millrace.local.core.scheduler import Action, NotSettledError, ScheduledAction, Scheduler

if TYPE_CHECKING:
    from millrace.local.simulation.faults import SimulatedFaults
    from millrace.local.simulation.time_and_entropy import VirtualClock

MAX_SETTLE_ACTIONS = 20_000
"""More actions in one settle() mean that events cause each other without end."""


class SimulatedScheduler(Scheduler):
    """Runs actions in the order of their virtual times. Faults delay actions that are scheduled for now."""

    def __init__(self, clock: "VirtualClock") -> None:
        super().__init__(clock)
        self.faults: SimulatedFaults | None = None
        self._moving = False

    def soon(self, action: Action, what: str) -> ScheduledAction:
        """Schedule an action for now, or later if a fault delays it."""
        late = self.faults.delay(what) if self.faults else 0.0
        return self.at(self.clock.now() + late, action, what)

    def _may_skip_time(self) -> bool:
        return self._moving

    def run_next(self) -> None:
        """Run the next action at its time. Raises NotSettledError if there is none."""
        self._drop_cancelled()
        if not self._items:
            raise NotSettledError(f"Nothing can happen any more, but this is still under way: {self.under_way()}.")
        self._moving = True
        try:
            self.run_due(1)
        finally:
            self._moving = False

    def settle(
        self,
        max_wait: float = 0.0,  # noqa: ARG002 - real seconds
        max_skip: float = math.inf,  # noqa: ARG002 - all time is skipped
        *,
        most: int = MAX_SETTLE_ACTIONS,
    ) -> None:
        """Run actions until none is left that belongs to a flow. Raises NotSettledError after `most` actions."""
        for _ in range(most):
            if self._settled():
                return
            self.run_next()
        raise NotSettledError(f"Not settled after {most:,} actions; still under way: {self.under_way()}.")

    def advance(self, seconds: float, max_wait: float = 0.0) -> None:  # noqa: ARG002 - real seconds
        """Run everything that is due within some seconds, schedules too, and move the clock there."""
        end = self.clock.now() + seconds
        while self._next_due_time() <= end:
            self.run_next()
        self.clock.skip_to(end)
