"""The one scheduler of the local cloud: what is to be done, when, and in which order.

All of the event plane runs as short actions on this agenda, one at a time. What takes long (a worker process, an
execution of a state machine) runs elsewhere and is *held*: the agenda knows that it is under way. A flow has settled
when nothing is on the agenda and nothing is held.
"""

import heapq
import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from millrace.local.core.clock import Clock
from millrace.local.core.printable import printable

Action = Callable[[], object]
MOST_AT_ONCE = 20
"""Actions that run before the loop looks for requests again: a backlog must not keep a caller waiting."""


class NotSettledError(TimeoutError):
    """Something was still under way when the patience of settle() ended."""


@dataclass(order=True)
class ScheduledAction:
    """One thing to be done. `flow` says whether an event's flow waits for it, as it does not for a schedule."""

    due: float
    order: float
    number: int
    action: Action = field(compare=False)
    what: str = field(compare=False)
    flow: bool = field(compare=False, default=True)
    done: bool = field(compare=False, default=False)


class Hold:
    """Something that is under way elsewhere, until it is released.

    The end of a `with` block releases it, unless `hand_over` has given that duty to a callback.
    """

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release
        self._handed_over = False
        self._lock = threading.Lock()

    def hand_over(self) -> None:
        """Keep the hold beyond the `with` block, until a callback releases it."""
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
    """A queue of actions in the order of their moments, and a count of what is under way elsewhere.

    `order` chooses among actions of one moment; without it they run in the order in which they came. Every method
    may be called from any thread; actions run on the thread that calls `run_due`.
    """

    def __init__(self, clock: Clock, order: Callable[[], float] = lambda: 0.0) -> None:
        self.clock = clock
        self._order = order
        self._numbers = itertools.count()
        self._items: list[ScheduledAction] = []
        self._waiting = 0
        self._held: Counter[str] = Counter()
        self._running: str | None = None
        self._settlers = 0
        self._changed = threading.Condition(threading.RLock())
        self.wake: Callable[[], None] = lambda: None

    def soon(self, action: Action, what: str) -> ScheduledAction:
        """Put an action on the agenda for now."""
        return self.at(self.clock.now(), action, what)

    def after(self, seconds: float, action: Action, what: str) -> ScheduledAction:
        """Put an action on the agenda for later."""
        return self.at(self.clock.now() + seconds, action, what)

    def at(self, due: float, action: Action, what: str, *, flow: bool = True) -> ScheduledAction:
        """Put an action on the agenda for a moment."""
        with self._changed:
            item = ScheduledAction(due, self._order(), next(self._numbers), action, what, flow)
            heapq.heappush(self._items, item)
            self._waiting += flow
        self.wake()
        return item

    def cancel(self, item: ScheduledAction) -> None:
        """Take an action off the agenda, if it has not run."""
        with self._changed:
            if not item.done:
                item.done = True
                self._waiting -= item.flow
                self._notify()

    def clear(self) -> None:
        """Take everything off the agenda."""
        with self._changed:
            for item in self._items:
                self.cancel(item)

    def hold(self, what: str) -> Hold:
        """Count something that is under way elsewhere until its hold is released."""
        with self._changed:
            self._held[what] += 1
        return Hold(lambda: self._release(what))

    def suspend(self, what: str) -> Callable[[], None]:
        """The counterpart of hold: what is held only waits from here on, until the function it gives is called."""
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
        """Wake the threads that settle, once everything has: they need not look at each step."""
        if self._settlers and self._settled():
            self._changed.notify_all()

    def run_due(self, most: int = MOST_AT_ONCE) -> float | None:
        """Run what is due, at most so many actions. Gives the seconds until the next one, or None for never."""
        for _ in range(most):
            item = self._next_due()
            if item is None:
                break
            try:
                item.action()
            finally:
                with self._changed:
                    self._running = None
                    self._notify()
        return self._pause()

    def _next_due(self) -> ScheduledAction | None:
        with self._changed:
            self._drop_cancelled()
            if self._items and self._may_leap():
                self.clock.leap_to(self._items[0].due)
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

    def _may_leap(self) -> bool:
        return bool(self._settlers and self._waiting and not self._held)

    def _pause(self) -> float | None:
        with self._changed:
            self._drop_cancelled()
            if not self._items:
                return None
            return 0.0 if self._may_leap() else max(0.0, self._items[0].due - self.clock.now())

    def settle(self, patience: float) -> None:
        """Wait until nothing is under way, leaping over the time in which everything waits.

        Raises NotSettledError after `patience` seconds of wall time; it names what is still under way.
        """
        with self._changed:
            self._settlers += 1
            self.wake()
            try:
                if not self._changed.wait_for(self._settled, patience):
                    raise NotSettledError(f"Not settled after {patience:g} s; still under way: {self.under_way()}.")
            finally:
                self._settlers -= 1

    def _settled(self) -> bool:
        return not self._waiting and not self._held and self._running is None

    def under_way(self) -> str:
        """What is held, running or waiting, in words."""
        with self._changed:
            waiting = Counter(item.what for item in self._items if item.flow and not item.done)
            named = [f"{what} ({count})" if count > 1 else what for what, count in (self._held + waiting).items()]
            return printable(", ".join([self._running, *named] if self._running else named) or "nothing")
