"""One execution of a state machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millrace.local.services.stepfunctions.interpreter.environment import Environment
from millrace.local.services.stepfunctions.interpreter.history import History, HistoryEvent
from millrace.local.services.stepfunctions.interpreter.map_run import MapRun
from millrace.local.services.stepfunctions.interpreter.probe import Probe

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.definition import StateMachine


@dataclass(frozen=True)
class Identity:
    """The names of an execution and its state machine. `map_run_arn` is set for a child execution of a Map Run."""

    arn: str
    name: str
    machine_arn: str
    machine_name: str
    role: str
    express: bool = False
    map_run_arn: str | None = None


class Observer:
    """Receives what happens to executions: the service overrides what it needs. Runs on the scheduler's thread."""

    def started(self, execution: "Execution") -> None:
        """An execution has started or is redriven; child executions of Map Runs too."""

    def event_written(self, execution: "Execution", event: HistoryEvent) -> None:
        """The history has a new event."""

    def ended(self, execution: "Execution") -> None:
        """An execution has ended."""


class Execution:
    """One execution, from its start to its end, and from each redrive on.

    `input` and `output` are JSON texts. `status` is a status of DescribeExecution. Times are in seconds.
    """

    def __init__(
        self,
        machine: "StateMachine",
        identity: Identity,
        text: str,
        environment: Environment,
        observer: Observer,
        probe: Probe | None = None,
    ) -> None:
        self.machine = machine
        self.identity = identity
        self.environment = environment
        self.input = text
        self.status = "RUNNING"
        self.started_at = round(environment.scheduler.clock.now(), 3)
        self.stopped_at: float | None = None
        self.output: str | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.redrives = 0
        self.redriven_at: float | None = None
        self.map_runs: list[MapRun] = []
        self.history = History(environment.scheduler.clock.now, lambda event: observer.event_written(self, event))
        self.probe = probe

    def start(self) -> None:
        """Begin with the first state. Returns before the state runs."""
        raise NotImplementedError

    def stop(self, error: str | None, cause: str | None, status: str = "ABORTED") -> None:
        """End the execution now; ABORTED or TIMED_OUT. Does nothing if it has ended."""
        raise NotImplementedError

    def redrive(self) -> None:
        """Continue with the states that did not succeed."""
        raise NotImplementedError

    def not_redrivable(self) -> str | None:
        """Return the reason why the execution cannot be redriven; None if it can."""
        raise NotImplementedError

    def when_ended(self, listener: "Callable[[Execution], None]") -> None:
        """Call a listener at the end, or now if the execution has ended."""
        raise NotImplementedError
