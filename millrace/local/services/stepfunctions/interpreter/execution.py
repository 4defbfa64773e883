"""One execution of a state machine."""

import json
import logging
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.core.clock import iso_millis
from millrace.local.services.stepfunctions.interpreter.branch import Branch
from millrace.local.services.stepfunctions.interpreter.definition import StateMachine
from millrace.local.services.stepfunctions.interpreter.environment import Caller, Environment
from millrace.local.services.stepfunctions.interpreter.errors import RUNTIME, StateError
from millrace.local.services.stepfunctions.interpreter.expressions import Ambient
from millrace.local.services.stepfunctions.interpreter.flow import Driver
from millrace.local.services.stepfunctions.interpreter.history import (
    MAX_EVENTS,
    NOT_TRUNCATED,
    History,
    HistoryEvent,
    compact,
)
from millrace.local.services.stepfunctions.interpreter.map_run import MapRun
from millrace.local.services.stepfunctions.interpreter.pending import Pending, until
from millrace.local.services.stepfunctions.interpreter.probe import Probe

EXPRESS_SECONDS = 300
"""https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
REDRIVABLE_SECONDS = 14 * 24 * 3600
MAX_SECONDS = 365 * 24 * 3600
"""https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
_ENDS = {
    "ABORTED": "ExecutionAborted",
    "FAILED": "ExecutionFailed",
    "SUCCEEDED": "ExecutionSucceeded",
    "TIMED_OUT": "ExecutionTimedOut",
}
_log = logging.getLogger(__name__)


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

    def of_child(self, map_run_arn: str, machine_arn: str, name: str, *, express: bool) -> "Identity":
        """Return the names of a child execution of a Map Run."""
        arn = f"{machine_arn.replace(':stateMachine:', ':express:' if express else ':execution:')}:{name}"
        return replace(self, arn=arn, name=name, machine_arn=machine_arn, express=express, map_run_arn=map_run_arn)


class Observer:
    """Receives what happens to executions, on the scheduler's thread. The service overrides what it needs."""

    def started(self, execution: "Execution") -> None:
        """An execution has started or is redriven; child executions of Map Runs too."""

    def event_written(self, execution: "Execution", event: HistoryEvent) -> None:
        """The history has a new event."""

    def ended(self, execution: "Execution") -> None:
        """An execution has ended."""


class Execution:
    """One execution, from its start to its end, and from each redrive on.

    `input` and `output` are JSON texts. `status` is a status of DescribeExecution. Times are in seconds since 1970.
    """

    def __init__(
        self,
        machine: StateMachine,
        identity: Identity,
        text: str,
        environment: Environment,
        observer: Observer,
        probe: Probe | None = None,
    ) -> None:
        scheduler = environment.scheduler
        self.machine = machine
        self.identity = identity
        self.environment = environment
        self.input = text
        self.status = "RUNNING"
        self.started_at = round(scheduler.clock.now(), 3)
        self.stopped_at: float | None = None
        self.output: str | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.redrives = 0
        self.redriven_at: float | None = None
        self.map_runs: list[MapRun] = []
        self.probe = probe
        self.history = History(scheduler.clock.now, lambda event: observer.event_written(self, event))
        self.ambient = Ambient(environment.random, scheduler.clock.now)
        self.driver = Driver(scheduler, f"execution of {identity.machine_name}")
        self._observer = observer
        self._listeners: list[Callable[[Execution], None]] = []
        self._running = Pending()
        self._timeout = Pending()
        self._branch: Branch | None = None

    @property
    def caller(self) -> Caller:
        """Who makes the calls of its tasks."""
        it = self.identity
        return Caller(it.arn, it.machine_arn, it.machine_name, it.role, it.express)

    def start(self) -> None:
        """Begin with the first state. Returns before the state runs."""
        variables = ChainMap(dict(self.probe.variables) if self.probe else {})
        branch = Branch(self, self.machine, variables, self._context())
        branch.begin(json.loads(self.input))
        details = {"input": self.input, "inputDetails": NOT_TRUNCATED, "roleArn": self.identity.role}
        self.history.add("ExecutionStarted", 0, "executionStartedEventDetails", **details)
        self._run(branch)

    def redrive(self) -> None:
        """Continue with the states that did not succeed."""
        branch = self._branch
        if branch is None:
            raise ValueError(f"The execution {self.identity.arn} is {self.status} and cannot be redriven.")
        self.redrives += 1
        self.redriven_at = round(self.environment.scheduler.clock.now(), 3)
        self.status, self.stopped_at, self.error, self.cause = "RUNNING", None, None, None
        self.history.is_closed = False
        branch.resume(self._context())
        branch.event = len(self.history.events)
        details = {"redriveCount": self.redrives}
        branch.write("ExecutionRedriven", "executionRedrivenEventDetails", **details)
        self._run(branch)

    def stop(self, error: str | None, cause: str | None, status: str = "ABORTED") -> None:
        """End the execution now, as ABORTED or TIMED_OUT. Does nothing if it has ended."""
        if self.stopped_at is None:
            self._end(status, 0, error=error, cause=cause)
            self._running.cancel()

    def child(self, machine: StateMachine, identity: Identity, text: str) -> "Execution":
        """Return a child execution of a Map Run."""
        return Execution(machine, identity, text, self.environment, self._observer)

    def when_ended(self, listener: "Callable[[Execution], None]") -> None:
        """Call a listener at the end, or now if the execution has ended."""
        if self.stopped_at is None:
            self._listeners.append(listener)
        else:
            listener(self)

    def not_redrivable(self) -> str | None:
        """Return the reason why the execution cannot be redriven; None if it can.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html#API_DescribeExecution_ResponseSyntax
        """
        now = self.environment.scheduler.clock.now()
        if self.stopped_at is None or self._branch is None:
            return f"Execution is {self.status} and cannot be redriven"
        if now - self.stopped_at > REDRIVABLE_SECONDS:
            return "Execution redrivable period exceeded"
        if now - self.started_at > MAX_SECONDS:
            return "Execution has exceeded the max execution time"
        if len(self.history.events) >= MAX_EVENTS - 1:
            return "Execution history event limit exceeded"
        return None

    def _context(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html."""
        it = self.identity
        execution = {
            "Id": it.arn,
            "Input": json.loads(self.input),
            "Name": it.name,
            "RoleArn": it.role,
            "StartTime": iso_millis(self.started_at),
            "RedriveCount": self.redrives,
        }
        if self.redriven_at is not None:
            execution["RedriveTime"] = iso_millis(self.redriven_at)
        machine = {"Id": it.machine_arn, "Name": it.machine_name}
        return {"Execution": execution, "StateMachine": machine, **(self.probe.context if self.probe else {})}

    def _run(self, branch: Branch) -> None:
        self._branch = branch
        self._observer.started(self)
        self._running = self.driver.spawn(branch.steps())
        self._running.then(self._finished)
        seconds = self.machine.timeout_seconds if self.identity.map_run_arn is None else None
        if self.identity.express:
            seconds = min(seconds or EXPRESS_SECONDS, EXPRESS_SECONDS)
        if seconds is not None:
            scheduler = self.environment.scheduler
            due = scheduler.clock.now() + seconds
            self._timeout = until(scheduler, due, f"timeout of {self.driver.what}", flow=False)
            self._timeout.then(lambda _: self.stop(None, None, "TIMED_OUT"))

    def _finished(self, running: Pending) -> None:
        previous = self._branch.event if self._branch else 0
        if running.error is None:
            self.output, self._branch = compact(running.value), None
            self._end("SUCCEEDED", previous, output=self.output, outputDetails=NOT_TRUNCATED)
            return
        failure = _state_error(running.error)
        if self.probe is not None:
            self.probe.failed(failure)
        self._end("FAILED", previous, error=failure.error, cause=failure.cause)

    def _end(self, status: str, previous: int, **details: Any) -> None:
        self.status, self.error, self.cause = status, details.get("error"), details.get("cause")
        self.stopped_at = round(self.environment.scheduler.clock.now(), 3)
        self._timeout.cancel()
        kind = _ENDS[status]
        self.history.close(kind, previous, f"{kind[0].lower()}{kind[1:]}EventDetails", **details)
        listeners, self._listeners = self._listeners, []
        self._observer.ended(self)
        for listener in listeners:
            listener(self)
        if self.identity.express and self.probe is None:
            self.history.events.clear()  # Step Functions returns no history of express executions


def _state_error(error: Exception | None) -> StateError:
    """Return the error that fails an execution. Any other exception is a defect of the interpreter."""
    if isinstance(error, StateError):
        return error
    _log.error("An execution failed with a defect of the interpreter.", exc_info=error)
    return StateError(RUNTIME, f"{type(error).__name__}: {error}")
