"""Runs the states of a state machine, a branch of a Parallel state or an iteration of a Map state.

A branch stores how far it has come, so that a redrive continues there.
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millrace.local.core.clock import iso_millis
from millrace.local.services.stepfunctions.interpreter.definition import FailState, State, StateMachine
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.history import NOT_TRUNCATED, compact
from millrace.local.services.stepfunctions.interpreter.states import run
from millrace.local.services.stepfunctions.interpreter.visit import Visit

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.execution import Execution
    from millrace.local.services.stepfunctions.interpreter.map_run import MapRun

_STATES_PER_TURN = 50
"""States that a branch runs before other actions of the scheduler have their turn."""


class Branch:
    """States, run one after the other. `event` is the id of the event that the next one follows.

    `inner` are the branches or iterations of the current state, and `map_run` is its Map Run.
    """

    def __init__(
        self,
        execution: "Execution",
        machine: StateMachine,
        variables: ChainMap[str, Any],
        context: Mapping[str, Any],
        event: int = 0,
    ) -> None:
        self.execution = execution
        self.machine = machine
        self.variables = variables
        self.context = dict(context)
        self.event = event
        self.state: State | None = None
        self.input: Any = None
        self.inner: list[Branch] = []
        self.map_run: MapRun | None = None
        self.succeeded = False
        self.entered = 0
        self.is_resumed = False

    def begin(self, value: Any) -> None:
        """Set the input of the first state."""
        self.state, self.input = self.machine.states[self.machine.start_at], value

    @property
    def output(self) -> Any:
        """The output of a branch that has succeeded."""
        return self.input

    def resume(self, context: Mapping[str, Any]) -> None:
        """Prepare a redrive: the current state runs again without being entered again."""
        waiting = [self]
        while waiting:
            branch = waiting.pop()
            branch.context.update(context)
            branch.is_resumed = branch.entered > 0 and not isinstance(branch.state, FailState)
            waiting += [each for each in branch.inner if not each.succeeded]

    def inner_branch(self, machine: StateMachine, item: Mapping[str, Any] | None = None) -> "Branch":
        """Return a branch, or the iteration of an item, with its own scope of variables."""
        context = self.context if item is None else {**self.context, "Map": {"Item": item}}
        return Branch(self.execution, machine, self.variables.new_child(), context, self.event)

    def leave(self) -> None:
        """Drop the branches, iterations and the Map Run of an attempt of the current state."""
        self.inner, self.map_run = [], None

    def steps(self) -> Steps:
        """Run the states; return the output of the last one."""
        count = 0
        while self.state is not None:
            count += 1
            if count % _STATES_PER_TURN == 0:
                yield self.execution.driver.turn()
            visit = Visit(self, self.state)
            self._enter(self.state)
            try:
                output = yield from run(visit)
            except StateError as error:
                error.locate(self.state.name, self.entered)
                raise
            visit.exit(output)
            self.leave()
            self.input, self.entered = output, 0
            self.state = self._following(visit)
        self.succeeded, self.context = True, {}
        return self.output

    def _following(self, visit: Visit) -> State | None:
        if self.execution.probe is not None:
            self.execution.probe.next_state = visit.next
            return None
        return self.machine.states[visit.next] if visit.next else None

    def write(self, kind: str, details_name: str = "", /, **details: Any) -> int:
        """Add an event to the history, which the next event follows. Return its id."""
        self.event = self.note(kind, details_name, **details)
        return self.event

    def note(self, kind: str, details_name: str = "", /, **details: Any) -> int:
        """Add an event to the history, which the next event does not follow. Return its id."""
        return self.execution.history.add(kind, self.event, details_name, **details)

    def _enter(self, state: State) -> None:
        if self.is_resumed:
            self.is_resumed = False
            self.context["State"]["RetryCount"] = 0
            return
        details = {"name": state.name, "input": compact(self.input), "inputDetails": NOT_TRUNCATED}
        self.entered = self.write(f"{state.type}StateEntered", "stateEnteredEventDetails", **details)
        now = iso_millis(self.execution.environment.scheduler.clock.now())
        self.context["State"] = {"EnteredTime": now, "Name": state.name, "RetryCount": 0}
