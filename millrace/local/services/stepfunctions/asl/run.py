"""One execution of a state machine, in a thread of its own."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramStopped
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.core.clock import iso_millis
from millrace.local.core.scheduler import Hold
from millrace.local.services.stepfunctions.asl.definitions import parsed
from millrace.local.services.stepfunctions.asl.environment import MOST_EVENTS, Env, Event, History
from millrace.local.services.stepfunctions.asl.progress import Progress
from millrace.local.services.stepfunctions.asl.waits import Pause

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

EXPRESS_SECONDS = 300
"""https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""

REDRIVABLE_SECONDS = 14 * 24 * 3600
LONGEST_SECONDS = 365 * 24 * 3600
MOST_TO_REDRIVE = MOST_EVENTS - 1
"""https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""

Done = Callable[["Run"], None]
EventListener = Callable[["Run", Event], None]


@dataclass(frozen=True)
class Machine:
    """A state machine as it stood when an execution was started. `version` and `alias` are ARNs."""

    arn: str
    name: str
    definition: str
    role: str
    express: bool
    logging: dict[str, Any]
    version: str | None = None
    alias: str | None = None


class Run:
    """One execution, from its start to its end, and from each redrive on. `input` and `output` are JSON texts.

    `redriven_by` has the client tokens of its redrives, with their moments.
    """

    def __init__(self, region: "AccountRegion", machine: Machine, arn: str, text: str, on_event: EventListener) -> None:
        self.region = region
        self.machine = machine
        self.arn = arn
        self.name = arn.rpartition(":")[2] if not machine.express else arn.split(":")[-2]
        self.input = text
        self.status = "RUNNING"
        self.started_at = round(region.clock.now(), 3)
        self.stopped_at: float | None = None
        self.output: str | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.redrives = 0
        self.redriven_at: float | None = None
        self.redriven_by: dict[str, float] = {}
        self.held_as = f"execution of {machine.name}"
        self._ended: list[Done] = []
        self._lock = threading.Lock()
        history = History(self.region.clock, lambda event: on_event(self, event))
        self.env = self._environment(history, Progress())

    def _environment(self, history: History, progress: Progress) -> Env:
        state, machine = self.region.backends, self.machine
        env = Env(
            aws_execution_details=AWSExecutionDetails(state.account, state.region, machine.role),
            execution_type="EXPRESS" if machine.express else "STANDARD",
            context=self._context(),
            event_history_context=EventHistoryContext(previous_event_id=len(history)),
            cloud_watch_logging_session=None,
            activity_store={},
            variable_store=progress.variables,
        )
        env.run, env.event_manager, env.progress = self, history, progress
        progress.variables = env.variable_store
        return env

    def _context(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html."""
        execution = {
            "Id": self.arn,
            "Input": json.loads(self.input),
            "Name": self.name,
            "RoleArn": self.machine.role,
            "StartTime": iso_millis(self.started_at),
            "RedriveCount": self.redrives,
        }
        if self.redriven_at:
            execution["RedriveTime"] = iso_millis(self.redriven_at)
        return {"Execution": execution, "StateMachine": {"Id": self.machine.arn, "Name": self.machine.name}}

    def start(self, done: Done) -> None:
        """Begin, or go on where a redrive has set it, and tell `done` at the end."""
        self._ended.append(done)
        with self.region.scheduler.hold(self.held_as) as self._hold:
            start = parsed(self.machine.definition).start_at.start_at_name
            self.env.next_state_name = self.env.progress.state or start  # it can be stopped from here on
            threading.Thread(target=self._run, name=self.held_as, daemon=True).start()
            self._hold.hand_over()

    def redrive(self) -> float:
        """Set it to go on in the states that did not end well. Gives the moment."""
        before = self.env
        self.redrives += 1
        self.redriven_at = at = round(self.region.clock.now(), 3)
        self.status, self.stopped_at, self.error, self.cause = "RUNNING", None, None, None
        before.progress.resume()
        self.env = self._environment(before.event_manager.continued(), before.progress)
        self.env.map_run_record_pool_manager = before.map_run_record_pool_manager
        return at

    def not_redrivable(self) -> str | None:
        """Why it cannot be redriven.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html#API_DescribeExecution_ResponseSyntax
        """
        now = self.region.clock.now()
        if self.status == "SUCCEEDED" or self.stopped_at is None:
            return f"Execution is {self.status} and cannot be redriven"
        reasons = {
            "Execution redrivable period exceeded": now - self.stopped_at > REDRIVABLE_SECONDS,
            "Execution has exceeded the max execution time": now - self.started_at > LONGEST_SECONDS,
            "Execution history event limit exceeded": len(self.env.event_manager) >= MOST_TO_REDRIVE,
            "The local cloud does not redrive a Map Run: start a new execution": self.env.progress.runs_map(),
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    def _tell_of_begin(self) -> None:
        started = {"input": self.input, "inputDetails": {"truncated": False}, "roleArn": self.machine.role}
        redriven = {"redriveCount": self.redrives}
        self.env.event_manager.add_event(
            context=self.env.event_history_context,
            event_type=HistoryEventType.ExecutionRedriven if self.redrives else HistoryEventType.ExecutionStarted,
            event_details={"executionRedrivenEventDetails": redriven}
            if self.redrives
            else {"executionStartedEventDetails": started},
            update_source_event_id=bool(self.redrives),
        )

    def _run(self) -> None:
        try:
            program = parsed(self.machine.definition)
            self._tell_of_begin()
            if self.machine.express:
                latest = self.started_at + EXPRESS_SECONDS
                limit = self.region.scheduler.at(
                    latest, self.env.set_timed_out, f"time-out of {self.held_as}", flow=False
                )
                self._ended.append(lambda _run: self.region.scheduler.cancel(limit))
            program.eval(self.env)
        finally:
            self._end()

    def _end(self) -> None:
        hold = self._hold  # a redrive may follow at once
        try:
            self._reflect(self.env.program_state())
            with self._lock:
                self.stopped_at = round(self.region.clock.now(), 3)
                ended, self._ended = self._ended, []
            for done in ended:
                done(self)
        finally:
            hold.release()

    def _reflect(self, state: Any) -> None:
        if isinstance(state, ProgramEnded):
            self.output = to_json_str(self.env.states.get_input(), separators=(",", ":"))
            self.status = "SUCCEEDED"
            self.env.progress = Progress()  # nothing is to be redriven, so that nothing need be kept
        elif isinstance(state, ProgramStopped):
            self.error, self.cause = state.error, state.cause
            self.status = "ABORTED"
        elif isinstance(state, ProgramError):
            self.error, self.cause = (state.error or {}).get("error"), (state.error or {}).get("cause")
            self.status = "FAILED"
        else:
            self.status = "TIMED_OUT"

    def when_ended(self, done: Done) -> None:
        """Tell `done` at the end, or now if that was before."""
        with self._lock:
            if self.stopped_at is None:
                self._ended.append(done)
                return
        done(self)

    def stop(self, error: str | None, cause: str | None) -> None:
        """Abort."""
        self.env.set_stop(self.region.clock.datetime(), cause, error)

    def wait_for_end(self, env: Env) -> None:
        """Wait for the end, in a thread of another execution."""
        pause = Pause()
        self.when_ended(lambda _run: pause.wake())
        env.pause(pause)

    def working(self) -> Hold:
        """Count one more thread of it that works, until the hold is released."""
        return self.region.scheduler.hold(self.held_as)
