"""Runs generators on the scheduler.

A generator yields a `Pending` and is resumed with its value, or its error, when that arrives. To stop a generator is to
cancel what it waits for, and to close it.
"""

from collections import deque
from collections.abc import Generator
from typing import Any

from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.interpreter.pending import Pending

Steps = Generator[Pending, Any, Any]


class Driver:
    """Runs the generators of one execution. `what` names them in the scheduler."""

    def __init__(self, scheduler: Scheduler, what: str) -> None:
        self.scheduler = scheduler
        self.what = what
        self._stopping: deque[_Flow] = deque()
        self._is_stopping = False

    def spawn(self, steps: Steps) -> Pending:
        """Start a generator soon; return its result. To cancel the result stops the generator."""
        flow = _Flow(self, steps)
        self.scheduler.soon(flow.resume, self.what)
        return flow.result

    def turn(self) -> Pending:
        """Return a result that arrives after the actions that are already due."""
        pending = Pending()
        self.scheduler.soon(pending.succeed, self.what)
        return pending

    def stop(self, flow: "_Flow") -> None:
        """Stop a generator, then those that it stops: one after the other, however deeply they are nested."""
        self._stopping.append(flow)
        if self._is_stopping:
            return
        self._is_stopping = True
        try:
            while self._stopping:
                self._stopping.popleft().close()
        finally:
            self._is_stopping = False


class _Flow:
    """One generator, and what it waits for."""

    def __init__(self, driver: Driver, steps: Steps) -> None:
        self._driver = driver
        self._steps = steps
        self._waiting: Pending | None = None
        self.result = Pending(cancel=lambda: driver.stop(self))

    def resume(self) -> None:
        """Run the generator until it waits for something that is not there yet."""
        while not self.result.done:
            try:
                self._waiting = self._sent(self._waiting)
            except StopIteration as stop:
                self.result.succeed(stop.value)
            except Exception as error:  # noqa: BLE001 - the generator that waits for this one receives it
                self.result.fail(error)
            else:
                if not self._waiting.done:
                    self._waiting.then(self._arrived)
                    return

    def _sent(self, arrived: Pending | None) -> Pending:
        if arrived is None:
            return next(self._steps)
        if arrived.error is not None:
            return self._steps.throw(arrived.error)
        return self._steps.send(arrived.value)

    def _arrived(self, _pending: Pending) -> None:
        self._driver.scheduler.soon(self.resume, self._driver.what)

    def close(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._steps.close()
