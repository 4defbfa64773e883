"""Where the states of an execution are evaluated, and the history of what they did."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager

from millrace.local.core.clock import Clock
from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.asl.progress import Progress
from millrace.local.services.stepfunctions.asl.waits import Interrupted, Pause

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.asl.run import Run

MOST_EVENTS = 25_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-state-machine-executions"""
ENDINGS = frozenset({"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"})
_LATE, _DEADLINE = object(), object()

Event = dict[str, Any]


class Env(Environment):  # type: ignore[misc,unused-ignore]
    """An environment or a frame of one, whose waits end with it. `deadline` is a moment of the clock.

    `progress` is that of the program that is evaluated in it.
    """

    run: "Run"
    progress: Progress
    deadline: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pauses: set[Pause] = set()
        super().__init__(*args, **kwargs)

    @classmethod
    def as_frame_of(cls, env: Any, event_history_frame_cache: Any = None) -> Self:
        """A frame that shares the variables of its outer one."""
        frame = cls.as_inner_frame_of(env, env.variable_store, event_history_frame_cache)
        frame.progress = env.progress
        return frame

    @classmethod
    def as_inner_frame_of(cls, env: Any, variable_store: Any, event_history_frame_cache: Any = None) -> Self:
        """A frame with variables of its own. moto's loses the item of a Map."""
        frame: Self = super().as_inner_frame_of(env, variable_store, event_history_frame_cache)
        frame.run = env.run
        outer = env.states.context_object.context_object_data
        if "Map" in outer:
            frame.states.context_object.context_object_data["Map"] = outer["Map"]
        return frame

    def open_program(self, number: int) -> "Env":
        """A frame for a branch or an iteration, which goes on where a redrive finds it."""
        frame: Env = self.open_inner_frame()
        frame.progress = self.progress.of(number)
        frame.variable_store = frame.progress.variables or frame.variable_store
        frame.progress.variables = frame.variable_store
        return frame

    @property
    def scheduler(self) -> Scheduler:
        """The one scheduler."""
        return self.run.region.scheduler

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self.run.region.clock

    def set_ended(self) -> None:
        """End, with every wait."""
        super().set_ended()
        self._wake()

    def set_error(self, error: Any) -> None:
        """Fail, with every wait; what has ended otherwise stays as it is."""
        with self._state_mutex:
            if self.is_running():
                super().set_error(error)
        self._wake()

    def set_timed_out(self) -> None:
        """Time out, with every wait; what has ended stays as it is."""
        with self._state_mutex:
            if self.is_running():
                super().set_timed_out()
        self._wake()

    def set_stop(self, stop_date: Any, cause: str | None, error: str | None) -> None:
        """Stop, with every wait."""
        super().set_stop(stop_date, cause, error)
        self._wake()

    def _wake(self) -> None:
        for pause in list(self._pauses):
            pause.wake()

    def pause(self, pause: Pause, seconds: float | None = None, *, flow: bool = True) -> bool:
        """Wait for at most `seconds`; return whether it was woken. With `flow`, settle() advances the clock to its end.

        Raises Interrupted if this environment has ended, EvalTimeoutError at its deadline.
        """
        now = self.clock.now()
        what = self.run.held_as
        timers = []
        if seconds is not None:
            timers.append(self.scheduler.at(now + seconds, lambda: pause.wake(_LATE), f"wait of {what}", flow=flow))
        if self.deadline is not None:
            late = self.scheduler.at(self.deadline, lambda: pause.wake(_DEADLINE), f"time-out of {what}", flow=False)
            timers.append(late)
        self._pauses.add(pause)
        try:
            if self.is_running():
                pause.wait(self.scheduler, what)
        finally:
            self._pauses.discard(pause)
            for timer in timers:
                self.scheduler.cancel(timer)
        if not self.is_running():
            raise Interrupted
        if pause.outcome is _DEADLINE:
            raise EvalTimeoutError
        return pause.outcome is not _LATE


class History(EventManager):  # type: ignore[misc,unused-ignore]
    """The events of one execution, with the moments of the clock; none comes after the one that ends it."""

    def __init__(self, clock: Clock, on_event: Callable[[Event], None] = lambda _event: None) -> None:
        super().__init__()
        self._clock = clock
        self._on_event = on_event
        self._over = threading.Event()

    def _publish_history_event(
        self, event_id: int, source_event_id: int, event_type: Any, timestamp: Any, event_details: Any
    ) -> None:
        if self._over.is_set():
            return
        if event_type in ENDINGS:
            self._over.set()
        event = self._create_history_event(event_id, source_event_id, event_type, timestamp, event_details)
        event["type"] = str(getattr(event_type, "value", event_type))
        event["timestamp"] = round(self._clock.now(), 3)
        self._history_event_list.append(event)
        self._on_event(event)

    def continued(self) -> "History":
        """Return a copy that accepts events again. The old history drops later events."""
        history = History(self._clock, self._on_event)
        history._history_event_list = self._history_event_list
        history._event_id_gen._next_id = len(self) + 1
        return history

    def __len__(self) -> int:
        return len(self._history_event_list)

    @property
    def is_full(self) -> bool:
        """Whether only the event that ends the execution is left room for."""
        return len(self._history_event_list) >= MOST_EVENTS - 1
