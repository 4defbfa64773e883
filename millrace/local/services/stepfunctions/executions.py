"""The executions of an account and region."""

import json
import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import jackson_error, strict
from millrace.local.services.stepfunctions.catalog import Catalog, Selection
from millrace.local.services.stepfunctions.interpreter import Environment, Execution, HistoryEvent, Identity, Observer
from millrace.local.services.stepfunctions.requests import check_arn, check_name

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.definition import StateMachine as Definition
    from millrace.local.services.stepfunctions.records import Records

NAME_REUSE_SECONDS = 90 * 24 * 3600
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""

CLIENT_TOKEN_SECONDS, MAX_CLIENT_TOKENS = 15 * 60, 10
"""How long a redrive with the same client token is idempotent, and how many tokens an execution stores.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
"""


class Executions(Observer):
    """Starts, finds and redrives executions, and records what happens to them.

    `parse` returns the definition of a text. Methods run on the scheduler's thread and raise ApiError.
    """

    def __init__(
        self, catalog: Catalog, environment: Environment, records: "Records", parse: "Callable[..., Definition]"
    ) -> None:
        self._catalog = catalog
        self._environment = environment
        self._records = records
        self._parse = parse
        self._executions: dict[str, Execution] = {}
        self._of_machine: dict[str, list[Execution]] = defaultdict(list)
        self._selections: dict[str, Selection] = {}
        self._redrives: dict[str, dict[str, float]] = defaultdict(dict)
        self._of_map_run: dict[str, Selection] = {}

    def start(self, arn: str, text: str, name: str | None) -> Execution:
        """Start an execution, or return the running one with the same name and input."""
        check_arn(arn, "stateMachine")
        selection = self._catalog.select(arn)
        if name is not None:
            check_name(name)
        _check_input(text)
        identity = _identity(selection, name or str(uuid.uuid4()))
        previous = self._executions.get(identity.arn)
        if previous and (previous.status, previous.input) == ("RUNNING", text):
            return previous
        self._check_name_is_free(identity.arn)
        definition = self._parse(selection.revision.definition, express=identity.express)
        self._selections[identity.arn] = selection
        execution = Execution(definition, identity, text, self._environment, self)
        if not identity.express:
            self._of_machine[selection.machine.arn].append(execution)
        execution.start()
        return execution

    def _check_name_is_free(self, arn: str) -> None:
        previous = self._executions.get(arn)
        now = self._catalog.now()
        if previous and (previous.stopped_at is None or now - previous.stopped_at < NAME_REUSE_SECONDS):
            raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")

    def redrive(self, arn: str, token: str | None) -> float:
        """Redrive an execution, and return when. The same client token redrives once."""
        execution, tokens = self.find(arn), self._redrives[arn]
        if token in tokens and self._catalog.now() - tokens[token] < CLIENT_TOKEN_SECONDS:
            return tokens[token]
        reason = execution.not_redrivable()
        if execution.identity.map_run_arn and not reason:
            reason = "Execution is REDRIVABLE_BY_MAP_RUN: redrive the execution that started the Map Run"
        if reason:
            raise ApiError("ExecutionNotRedrivable", f"Execution Not Redrivable: '{reason}'")
        execution.redrive()
        redriven_at = execution.redriven_at or self._catalog.now()
        if token:
            self._redrives[arn] = dict([*tokens.items(), (token, redriven_at)][-MAX_CLIENT_TOKENS:])
        return redriven_at

    def find(self, arn: str) -> Execution:
        """Return a standard execution, or a child execution of a Map Run."""
        check_arn(arn, "execution")
        found = self._executions.get(arn)
        if found is None:
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return found

    def selection(self, execution: Execution) -> Selection:
        """Return what an execution runs, and how it was started. A child execution has that of its parent."""
        identity = execution.identity
        if identity.map_run_arn and identity.arn not in self._selections:
            self._selections[identity.arn] = self._of_parent(identity.map_run_arn)
        return self._selections[identity.arn]

    def of_machine(self, arn: str) -> list[Execution]:
        """Return the executions that were started with a state machine, oldest first."""
        return list(self._of_machine.get(arn, ()))

    def all(self) -> list[Execution]:
        """Return all standard executions, newest first."""
        return list(reversed(self._executions.values()))

    def delete(self, machine_arn: str) -> None:
        """Delete the ended executions of a deleted state machine."""
        for execution in self._of_machine.pop(machine_arn, ()):
            if execution.status != "RUNNING":
                self._forget(execution)

    def _forget(self, execution: Execution) -> None:
        children = [child for run in execution.map_runs for child in run.executions]
        for each in (execution, *children):
            for stored in (self._executions, self._selections, self._redrives):
                stored.pop(each.identity.arn, None)

    def reset(self) -> None:
        """Stop and drop every execution."""
        for execution in list(self._executions.values()):
            execution.stop(None, None)
        for stored in (self._executions, self._of_machine, self._selections, self._redrives, self._of_map_run):
            stored.clear()

    def started(self, execution: Execution) -> None:
        """Store an execution, or the child execution of a Map Run, and record its start."""
        if not execution.identity.express:
            self._executions[execution.identity.arn] = execution
        self._records.status(execution, self.selection(execution))

    def _of_parent(self, map_run_arn: str) -> Selection:
        """Return what the execution with a Map Run runs."""
        if map_run_arn not in self._of_map_run:
            parents = (each for each in self.all() if any(run.arn == map_run_arn for run in each.map_runs))
            self._of_map_run[map_run_arn] = self.selection(next(parents))
        return self._of_map_run[map_run_arn]

    def event_written(self, execution: Execution, event: HistoryEvent) -> None:
        """Log an event of the history."""
        self._records.log(execution, self.selection(execution), event)

    def ended(self, execution: Execution) -> None:
        """Record the end of an execution."""
        self._records.status(execution, self.selection(execution))
        if execution.identity.express:
            del self._selections[execution.identity.arn]


def _identity(selection: Selection, name: str) -> Identity:
    machine = selection.machine
    kind, suffix = ("express", f":{uuid.uuid4()}") if machine.express else ("execution", "")
    arn = f"{machine.arn.replace(':stateMachine:', f':{kind}:')}:{name}{suffix}"
    return Identity(arn, name, machine.arn, machine.name, selection.revision.role, machine.express)


def _check_input(text: str) -> None:
    try:
        strict(text)
    except ValueError as error:
        reason = jackson_error(text, error) if isinstance(error, json.JSONDecodeError) else str(error)
        message = f"Invalid State Machine Execution Input: '{reason if text else 'Invalid execution input.'}'"
        raise ApiError("InvalidExecutionInput", message) from error
