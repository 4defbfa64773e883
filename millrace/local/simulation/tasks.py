"""Handlers on threads of which one runs at a time, and coroutines of the local cloud without an event loop.

A handler runs until it ends or waits. Then the scheduler goes on, so every order of steps is one of the scheduler.
"""

import asyncio
import contextvars
import math
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from unittest.mock import patch

from millrace.local.core.clock import Clock
from millrace.local.core.scheduler import ScheduledAction, Scheduler
from millrace.local.simulation.scheduler import SimulatedScheduler

T = TypeVar("T")


class CrashError(BaseException):
    """The process of a handler dies at this point. No `except Exception` of the handler catches it."""


class NotDeterministicError(BaseException):
    """A handler does what no replay can repeat. No `except Exception` of the handler catches it."""


class TimedOutError(BaseException):
    """The timeout of a function has ended while its handler waited."""


class Task(threading.Thread):
    """A handler. `resume` runs it on its thread until it waits or ends, while the caller's thread is blocked."""

    def __init__(self, name: str, work: Callable[[], None], deadline: float) -> None:
        super().__init__(name=name, daemon=True)
        self.deadline = deadline
        self.alarm = math.inf
        self.on_alarm: Any = signal.SIG_DFL
        self._work = work
        self._go = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._error: BaseException | None = None

    def resume(self) -> None:
        """Run the handler until it waits or ends. Raises what the machinery around the handler raises."""
        if self.ident is None:
            self.start()
        self._go.release()
        self._back.acquire()
        if self._error:
            raise self._error

    def run(self) -> None:
        """Run the handler. Called by the thread."""
        self._go.acquire()
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised again in resume()
            self._error = error
        finally:
            self._back.release()

    def wait(self) -> None:
        """Let the scheduler go on until somebody resumes this task."""
        self._back.release()
        self._go.acquire()


def current_task() -> Task | None:
    """Return the handler that runs; None outside handlers."""
    thread = threading.current_thread()
    return thread if isinstance(thread, Task) else None


def pause(scheduler: Scheduler, task: Task, seconds: float) -> None:
    """Let a handler wait for some virtual time. Raises TimedOutError at its timeout, and rings its alarm."""
    due = scheduler.clock.now() + max(0.0, seconds)
    while True:
        scheduler.at(min(due, task.deadline, task.alarm), task.resume, f"{task.name} continues")
        task.wait()
        now = scheduler.clock.now()
        if now >= task.deadline and due > task.deadline:
            raise TimedOutError
        if now >= task.alarm:
            task.alarm = math.inf
            task.on_alarm(signal.SIGALRM, None)
        if now >= due:
            return


@contextmanager
def virtual_alarms(clock: Clock) -> Iterator[None]:
    """Let handlers set alarms in virtual time. Their threads cannot receive signals."""
    set_handler, set_timer = signal.signal, signal.setitimer

    def replace_handler(number: int, handler: Any) -> Any:
        task = current_task()
        if task is None:
            return set_handler(number, handler)
        before, task.on_alarm = task.on_alarm, handler
        return before

    def start_timer(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        task = current_task()
        if task is None:
            return set_timer(which, seconds, interval)
        task.alarm = clock.now() + seconds if seconds else math.inf
        return 0.0, 0.0

    with patch.object(signal, "signal", replace_handler), patch.object(signal, "setitimer", start_timer):
        yield


@contextmanager
def no_threads() -> Iterator[None]:
    """Refuse threads that a handler starts: the machine would choose their order."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if current_task() and not isinstance(thread, Task):
            raise NotDeterministicError(f"A handler starts the thread {thread.name}. Use a ThreadPoolExecutor.")
        start(thread)

    with patch.object(threading.Thread, "start", refuse):
        yield


class SimulatedLoop(asyncio.AbstractEventLoop):
    """What the services use of an event loop: futures, callbacks and threads. Callbacks are scheduled actions."""

    def __init__(self, scheduler: SimulatedScheduler, left: Callable[[], AbstractContextManager[None]]) -> None:
        self._scheduler = scheduler
        self._left = left
        """Leaves the surroundings of a handler while it waits."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end. A handler waits meanwhile; a test runs the scheduler."""
        while True:
            try:
                with self._running():
                    future = coroutine.send(None)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            self._wait_for(future)

    def _wait_for(self, future: "asyncio.Future[Any]") -> None:
        task = current_task()
        if task:
            future.add_done_callback(lambda _: task.resume())
            with self._left():
                task.wait()
        while not future.done():
            self._scheduler.run_next()

    @contextmanager
    def _running(self) -> Iterator[None]:
        before = asyncio._get_running_loop()  # noqa: SLF001 - public for event loops
        asyncio._set_running_loop(self)  # noqa: SLF001 - the same
        try:
            yield
        finally:
            asyncio._set_running_loop(before)  # noqa: SLF001 - the same

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future whose callbacks are scheduled actions."""
        return asyncio.Future(loop=self)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> None:
        """Schedule a callback for now."""
        ran = context or contextvars.copy_context()
        self._scheduler.soon(lambda: ran.run(callback, *args), "callback")

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> "Timer":
        """Schedule a callback after some virtual time. It does not keep a flow from settling."""
        ran, due = context or contextvars.copy_context(), self._scheduler.clock.now() + delay
        return Timer(self._scheduler, self._scheduler.at(due, lambda: ran.run(callback, *args), "timer", flow=False))

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":  # type: ignore[override] # noqa: ARG002
        """Run a function now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - raised again where the future is awaited
            future.set_exception(error)
        return future

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Raise the exception of a callback."""
        raise context.get("exception") or RuntimeError(context["message"])


@dataclass(frozen=True)
class Timer:
    """A scheduled callback."""

    scheduler: Scheduler
    action: ScheduledAction

    def cancel(self) -> None:
        """Cancel the callback, if it has not run."""
        self.scheduler.cancel(self.action)
