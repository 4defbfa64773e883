"""Results that arrive later. Everything here runs on the scheduler's thread."""

from collections.abc import Callable, Iterable
from typing import Any

from millrace.local.core.scheduler import Scheduler

Listener = Callable[["Pending"], None]


class Pending:
    """One result that arrives later: a value or an error. The first one counts.

    `cancel` releases what produces the result; it is called at most once, and only before the result is there.
    """

    def __init__(self, cancel: Callable[[], object] = lambda: None) -> None:
        self._cancel = cancel
        self._listener: Listener | None = None
        self.done = False
        self.value: Any = None
        self.error: Exception | None = None

    def succeed(self, value: Any = None) -> None:
        """Set the value."""
        self._finish(value, None)

    def fail(self, error: Exception) -> None:
        """Set the error."""
        self._finish(None, error)

    def follow(self, other: "Pending") -> None:
        """Take the value or error of another result that is there."""
        self._finish(other.value, other.error)

    def then(self, listener: Listener) -> None:
        """Call a listener with this object, now if the result is there. There is one listener."""
        self._listener = listener
        if self.done:
            listener(self)

    def cancel(self) -> None:
        """Stop waiting, and notify no listener."""
        self._listener = None
        if not self.done:
            self.done = True
            self._cancel()

    def _finish(self, value: Any, error: Exception | None) -> None:
        if not self.done:
            self.done, self.value, self.error = True, value, error
            if self._listener:
                self._listener(self)


def succeeded(value: Any = None) -> Pending:
    """Return a result that is there."""
    pending = Pending()
    pending.succeed(value)
    return pending


def failed(error: Exception) -> Pending:
    """Return an error that is there."""
    pending = Pending()
    pending.fail(error)
    return pending


def until(scheduler: Scheduler, due: float, what: str, error: Exception | None = None, *, flow: bool = True) -> Pending:
    """Return a result that arrives at a time: None, or an error. settle() waits for it only with `flow`."""

    def arrive() -> None:
        if error is not None:
            pending.fail(error)
        pending.succeed()

    item = scheduler.at(due, arrive, what, flow=flow)
    pending = Pending(cancel=lambda: scheduler.cancel(item))
    return pending


def first(pendings: Iterable[Pending]) -> Pending:
    """Return the result that arrives first, and cancel the others."""
    waiting = list(pendings)

    def cancel() -> None:
        for each in waiting:
            each.cancel()

    def arrived(winner: Pending) -> None:
        result.follow(winner)
        cancel()

    result = Pending(cancel)
    for each in waiting:
        each.then(arrived)
    return result


def all_of(numbers: Iterable[int], limit: int, start: Callable[[int], Pending]) -> Pending:
    """Start jobs by their numbers, at most `limit` at once. Return None when all have ended, or the first error.

    The first error cancels the jobs that run.
    """
    waiting = iter(numbers)
    running: dict[int, Pending] = {}

    def fill() -> None:
        while not result.done and len(running) < limit and (number := next(waiting, None)) is not None:
            running[number] = start(number)
            running[number].then(lambda job, number=number: ended(number, job))  # type: ignore[misc]
        if not running:
            result.succeed()

    def ended(number: int, job: Pending) -> None:
        del running[number]
        if job.error is not None:
            result.follow(job)
            cancel()
        elif not result.done:
            fill()

    def cancel() -> None:
        for job in list(running.values()):
            job.cancel()
        running.clear()

    result = Pending(cancel)
    fill()
    return result
