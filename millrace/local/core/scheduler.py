"""The scheduler of the local cloud.

Services run as short actions on the scheduler's thread, one at a time. Long work, such as a function in a worker
process or an execution of a state machine, runs elsewhere under a *hold*. A flow has settled when no action is
scheduled and no hold is open.
"""

import heapq
import itertools
import math
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from millrace.local.core.clock import Clock
from millrace.operations.printable import printable

Action = Callable[[], object]
MAX_ACTIONS = 20
"""Actions to run before the event loop handles requests again, so that a backlog does not delay callers."""


class NotSettledError(TimeoutError):
    """Actions or holds were left when the timeout of settle() ended."""


@dataclass(order=True)
class ScheduledAction:
    """An action and its due time. `flow` is false for actions that settle() does not wait for, as schedules."""

    due: float
    order: float
    number: int
    action: Action = field(compare=False)
    what: str = field(compare=False)
    flow: bool = field(compare=False, default=True)
    done: bool = field(compare=False, default=False)


class Hold:
    """Work that runs outside the scheduler until the hold is released.

    The end of a `with` block releases the hold, unless `hand_over` was called.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release
        self._handed_over = False
        self._lock = threading.Lock()

    def hand_over(self) -> None:
        """Keep the hold after the `with` block. A callback releases it."""
        self._handed_over = True

    def release(self) -> None:
        """End the hold. A second call does nothing."""
        with self._lock:
            release, self._release = self._release, None
        if release:
            release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error or not self._handed_over:
            self.release()


class Scheduler:
    """A queue of actions in the order of their due times, and the open holds.

    `order` gives the order of actions that are due at the same time; by default, the order in which they were
    scheduled. Methods are thread-safe. Actions run on the thread that calls `run_due`.
    """

    def __init__(self, clock: Clock, order: Callable[[], float] = lambda: 0.0) -> None:
        self.clock = clock
        self._order = order
        self._numbers = itertools.count()
        self._items: list[ScheduledAction] = []
        self._waiting = 0
        self._held: Counter[str] = Counter()
        self._running: str | None = None
        self._skip_limits: list[float] = []
        self._changed = threading.Condition(threading.RLock())
        self.wake: Callable[[], None] = lambda: None
        self.before_settle: list[Callable[[], None]] = []

    def soon(self, action: Action, what: str) -> ScheduledAction:
        """Schedule an action for now."""
        return self.at(self.clock.now(), action, what)

    def after(self, seconds: float, action: Action, what: str) -> ScheduledAction:
        """Schedule an action after a delay."""
        return self.at(self.clock.now() + seconds, action, what)

    def at(self, due: float, action: Action, what: str, *, flow: bool = True) -> ScheduledAction:
        """Schedule an action."""
        with self._changed:
            item = ScheduledAction(due, self._order(), next(self._numbers), action, what, flow)
            heapq.heappush(self._items, item)
            self._waiting += flow
        self.wake()
        return item

    def cancel(self, item: ScheduledAction) -> None:
        """Cancel an action that has not run."""
        with self._changed:
            if not item.done:
                item.done = True
                self._waiting -= item.flow
                self._notify()

    def clear(self) -> None:
        """Cancel every action."""
        with self._changed:
            for item in self._items:
                self.cancel(item)

    def hold(self, what: str) -> Hold:
        """Open a hold for work outside the scheduler."""
        with self._changed:
            self._held[what] += 1
        return Hold(lambda: self._release(what))

    def suspend(self, what: str) -> Callable[[], None]:
        """Suspend an open hold while its work only waits. Return the function that resumes it."""
        self._release(what)

        def resume() -> None:
            with self._changed:
                self._held[what] += 1

        return resume

    def _release(self, what: str) -> None:
        with self._changed:
            self._held[what] -= 1
            if not self._held[what]:
                del self._held[what]
            self._notify()
        self.wake()

    def _notify(self) -> None:
        """Wake the threads that wait in settle() when everything has settled, or waits beyond their limits."""
        if self._skip_limits and (self._settled() or self._waits_beyond(min(self._skip_limits))):
            self._changed.notify_all()

    def run_due(self, limit: int = MAX_ACTIONS) -> float | None:
        """Run due actions, at most `limit`. Return the seconds until the next action; None if there is none."""
        for _ in range(limit):
            item = self._next_due()
            if item is None:
                break
            try:
                item.action()
            finally:
                with self._changed:
                    self._running = None
                    self._notify()
        return self._idle_seconds()

    def _next_due(self) -> ScheduledAction | None:
        with self._changed:
            self._drop_cancelled()
            if self._items and self._may_skip_time():
                self.clock.skip_to(self._items[0].due)
            if not self._items or self._items[0].due > self.clock.now():
                return None
            item = heapq.heappop(self._items)
            item.done = True
            self._waiting -= item.flow
            self._running = item.what
            return item

    def _drop_cancelled(self) -> None:
        while self._items and self._items[0].done:
            heapq.heappop(self._items)

    def _may_skip_time(self) -> bool:
        may = self._skip_limits and self._waiting and not self._held
        return bool(may and self._items[0].due <= max(self._skip_limits))

    def _idle_seconds(self) -> float | None:
        with self._changed:
            self._drop_cancelled()
            if not self._items or (self.clock.stands_still and self._items[0].due > self.clock.now()):
                return None  # what ends the stop wakes the scheduler
            return 0.0 if self._may_skip_time() else max(0.0, self._items[0].due - self.clock.now())

    def settle(self, max_wait: float, max_skip: float = math.inf) -> None:
        """Wait until no action is scheduled and no hold is open. Idle time is skipped, at most `max_skip` seconds.

        Raises NotSettledError, which names the remaining actions and holds, after `max_wait` seconds of wall time, or
        if nothing is due within `max_skip`.
        """
        for check in list(self.before_settle):
            check()
        with self._changed:
            limit = self.clock.now() + max_skip
            self._skip_limits.append(limit)
            self.wake()
            try:
                ended = self._changed.wait_for(lambda: self._settled() or self._waits_beyond(limit), max_wait)
                while not ended and self.clock.stands_still:  # a developer thinks
                    ended = self._changed.wait_for(self._settled, max_wait)
            finally:
                self._skip_limits.remove(limit)
            if not ended:
                raise NotSettledError(f"Not settled after {max_wait:g} s; still under way: {self.under_way()}.")
            if not self._settled():
                raise NotSettledError(
                    f"Not settled: nothing is due within {max_skip:g} s. What waits longer: {self.under_way()}."
                )

    def _waits_beyond(self, limit: float) -> bool:
        self._drop_cancelled()
        idle = not self._held and self._running is None
        return bool(idle and self._items and self._items[0].due > limit)

    def advance(self, seconds: float, max_wait: float) -> None:
        """Let time pass: settle, skip to the next action, a schedule too, and so on until the end of this time.

        Raises NotSettledError after `max_wait` seconds of wall time.
        """
        end = self.clock.now() + seconds
        self.settle(max_wait)
        while (due := self._next_due_time()) <= end:
            passed = self.at(due, lambda: None, "the next moment of advance()")
            self.settle(max_wait)
            if not passed.done:
                break
        self.clock.skip_to(end)
        self.wake()

    def _next_due_time(self) -> float:
        with self._changed:
            self._drop_cancelled()
            return self._items[0].due if self._items else math.inf

    def _settled(self) -> bool:
        return not self._waiting and not self._held and self._running is None

    def under_way(self) -> str:
        """Return the names of running and scheduled actions and open holds."""
        with self._changed:
            waiting = Counter(item.what for item in self._items if item.flow and not item.done)
            named = [f"{what} ({count})" if count > 1 else what for what, count in (self._held + waiting).items()]
            return printable(", ".join([self._running, *named] if self._running else named) or "nothing")
