"""Waits of an execution's threads: on the clock of the local cloud, and over when the execution is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from millrace.local.core.scheduler import Scheduler

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.asl.environment import Env

_NEVER = 99_999_999
"""Seconds by which the language means no limit at all."""
_thread = threading.local()


class Interrupted(BaseException):
    """The execution was stopped, has timed out or has failed elsewhere: what still runs of it unwinds.

    Not an Exception, so that no Retry and no Catch of the language takes it for an error of a state.
    """


class Pause:
    """One wait of one thread. The caller of `wake` holds the scheduler again before the thread continues."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._resume: Callable[[], None] | None = None
        self.outcome: Any = None

    def wake(self, outcome: Any = None) -> None:
        """End the wait. The first outcome counts."""
        with self._lock:
            if self._woken.is_set():
                return
            self.outcome = outcome
            if self._resume:
                self._resume()
            self._woken.set()

    def wait(self, scheduler: Scheduler, what: str) -> None:
        """Wait, while the scheduler knows that this thread only waits."""
        with self._lock:
            if not self._woken.is_set():
                self._resume = scheduler.suspend(what)
        self._woken.wait()


class Signal:
    """Replaces threading.Event in moto; threads wait on the clock of the local cloud."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pauses: set[Pause] = set()
        self._set = False

    def set(self) -> None:
        """Wake all waiting threads."""
        with self._lock:
            self._set = True
            pauses = list(self._pauses)
        for pause in pauses:
            pause.wake()

    def clear(self) -> None:
        """Reset the event."""
        self._set = False

    def is_set(self) -> bool:
        """Whether it is set."""
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most so many seconds; for those settle() does not wait."""
        pause = Pause()
        with self._lock:
            if self._set:
                return True
            self._pauses.add(pause)
        try:
            return current().pause(pause, None if timeout is None or timeout >= _NEVER else timeout, flow=False)
        finally:
            self._pauses.discard(pause)


class Threading:
    """What moto's modules take for `threading`."""

    Event = Signal
    Lock = threading.Lock
    RLock = threading.RLock
    Thread = threading.Thread


class Time:
    """What moto's modules take for `time`."""

    @staticmethod
    def sleep(seconds: float) -> None:
        """Wait on the clock of the local cloud."""
        if seconds > 0:
            current().pause(Pause(), seconds)


def current() -> "Env":
    """The environment in which this thread evaluates."""
    env: Env = _thread.env
    return env


@contextmanager
def entered(env: "Env") -> Iterator[None]:
    """Evaluate in an environment, in this thread."""
    outer = getattr(_thread, "env", None)
    _thread.env = env
    try:
        yield
    finally:
        _thread.env = outer


def limit(seconds: Any, *, default: bool) -> float | None:
    """A limit in seconds, or None where a definition states none."""
    return None if default or seconds >= _NEVER else float(seconds)
