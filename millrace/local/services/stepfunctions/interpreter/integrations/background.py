"""Calls that block, on a few threads. The scheduler is held until such a call has ended."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.interpreter.pending import Pending

_THREADS = 8


class Background:
    """A pool of threads, which starts with the first call."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_THREADS, "states-call")

    def run(self, work: Callable[[], Any], what: str) -> Pending:
        """Run a function on a thread; return its result, which arrives on the scheduler's thread."""
        result = Pending()

        def finish(future: Any) -> None:
            error = future.exception()
            arrive = (lambda: result.fail(error)) if error else (lambda: result.succeed(future.result()))
            self._scheduler.soon(arrive, f"response of {what}")
            hold.release()

        with self._scheduler.hold(what) as hold:
            self._threads.submit(work).add_done_callback(finish)
            hold.hand_over()
        return result
