"""Step Functions: state machines and their executions."""

import functools
import json
import random
import uuid
from typing import TYPE_CHECKING, Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import ApiError
from millrace.local.core.history import Reference, reference
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message, TargetDelivery
from millrace.local.services.stepfunctions.validation import StateMachineChecks

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.asl.callbacks import TaskTokens
    from millrace.local.services.stepfunctions.asl.operations import MachineOperations
    from millrace.local.services.stepfunctions.asl.records import Records
    from millrace.local.services.stepfunctions.asl.run import Machine, Run

NAME_REUSE_SECONDS = 90 * 24 * 3600
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""

CLIENT_TOKEN_SECONDS, MAX_CLIENT_TOKENS = 15 * 60, 10
"""How long a redrive with the same client token is idempotent, and how many tokens an execution stores.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
"""

OPERATIONS = (
    "StartExecution",
    "StartSyncExecution",
    "StopExecution",
    "RedriveExecution",
    "DescribeExecution",
    "DescribeStateMachineForExecution",
    "ListExecutions",
    "GetExecutionHistory",
    "SendTaskSuccess",
    "SendTaskFailure",
    "SendTaskHeartbeat",
    "ListMapRuns",
    "DescribeMapRun",
    "ValidateStateMachineDefinition",
    "TestState",
    "UpdateMapRun",
    "CreateActivity",
    "GetActivityTask",
)


class StepFunctions(Service):
    """Runs executions on moto's interpreter. Its methods run on the scheduler's thread."""

    arn_name = "states"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("states:StartExecution",), role_required=True)
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._runs: dict[str, Run] = {}
        self._runs_of: dict[str, list[Run]] = {}
        self.answers = {f"AWSStepFunctions.{name}": functools.partial(self._answer, name) for name in OPERATIONS}
        self.checks = StateMachineChecks(self, region.cache / "definitions").checks

    def _answer(self, operation: str, params: dict[str, Any]) -> Any:
        return self.operations.answers[operation](params)

    @functools.cached_property
    def operations(self) -> "MachineOperations":
        """The operations. The first use imports moto's interpreter."""
        from millrace.local.services.stepfunctions.asl import changes  # noqa: PLC0415 - a third of a second of import
        from millrace.local.services.stepfunctions.asl.operations import MachineOperations  # noqa: PLC0415 - the same

        changes.change()
        return MachineOperations(self)

    @functools.cached_property
    def tokens(self) -> "TaskTokens":
        """The issued task tokens."""
        from millrace.local.services.stepfunctions.asl.callbacks import TaskTokens  # noqa: PLC0415 - moto's interpreter

        return TaskTokens()

    @functools.cached_property
    def _records(self) -> "Records":
        from millrace.local.services.stepfunctions.asl.records import Records  # noqa: PLC0415 - moto's interpreter

        return Records(self.region)

    def start(self, arn: str, text: str, *, name: str | None = None) -> "Run":
        """Start an execution. Raises LookupError if the state machine does not exist."""
        try:
            return self.start_execution(arn, text, name)
        except ApiError as error:
            if error.code == "StateMachineDoesNotExist":
                raise LookupError(error.message) from error
            raise

    def start_execution(self, arn: str, text: str, name: str | None) -> "Run":
        """Start an execution, or return the running one with the same name and input. Raises ApiError."""
        _ = self.operations
        from millrace.local.services.stepfunctions.asl.run import Run  # noqa: PLC0415 - moto's interpreter

        machine = self.machine(arn)
        kind = "express" if machine.express else "execution"
        execution_arn = f"{machine.arn.replace(':stateMachine:', f':{kind}:')}:{name or uuid.uuid4()}"
        if machine.express:
            execution_arn += f":{uuid.uuid4()}"
        else:
            run = self._runs.get(execution_arn)
            if run and (run.status, run.input) == ("RUNNING", text):
                return run
            self._check_name(execution_arn)
        run = Run(self.region, machine, execution_arn, text, self._records.log)
        if not machine.express:
            self._runs[execution_arn] = run
            self._runs_of.setdefault(machine.arn, []).append(run)
        self._run(run)
        return run

    def redrive(self, run: "Run", token: str | None) -> float:
        """Redrive an execution; return when. The same client token redrives once. Raises ApiError."""
        tokens = run.redriven_by
        if token in tokens and self.region.clock.now() - tokens[token] < CLIENT_TOKEN_SECONDS:
            return tokens[token]
        reason = run.not_redrivable()
        if reason:
            raise ApiError("ExecutionNotRedrivable", f"Execution Not Redrivable: '{reason}'")
        at = run.redrive()
        if token:
            run.redriven_by = dict([*tokens.items(), (token, at)][-MAX_CLIENT_TOKENS:])
        self._run(run)
        return at

    def _check_name(self, arn: str) -> None:
        previous = self._runs.get(arn)
        if previous and (
            previous.stopped_at is None or self.region.clock.now() - previous.stopped_at < NAME_REUSE_SECONDS
        ):
            raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")

    def _run(self, run: "Run") -> None:
        self._record(run)
        self._records.status(run)
        run.start(self._ended)

    def _ended(self, run: "Run") -> None:
        """Runs in the thread of the execution."""
        self._record(run)
        self.region.scheduler.soon(lambda: self._records.status(run), f"end of {run.held_as}")

    def find_by_name(self, name: str) -> Any:
        """Return moto's state machine of a name; None if it does not exist."""
        return next((each for each in self.region.backends.stepfunctions.state_machines if each.name == name), None)

    def machine(self, arn: str) -> "Machine":
        """Return a state machine, or the version of a version's or alias's ARN. Raises ApiError."""
        from millrace.local.services.stepfunctions.asl.run import Machine  # noqa: PLC0415 - moto's interpreter

        parts = arn.split(":")
        found = self.find_by_name(parts[6]) if parts[5:6] == ["stateMachine"] and len(parts) > 6 else None  # noqa: PLR2004
        if found is None:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        version, alias = _resolve_qualifier(found, parts[7], arn) if len(parts) > 7 else (None, None)  # noqa: PLR2004
        used = version or found
        return Machine(
            arn=found.arn,
            name=found.name,
            definition=used.definition,
            role=used.roleArn,
            express=found.type == "EXPRESS",
            logging=used.loggingConfiguration or {},
            version=version.arn if version else None,
            alias=alias,
        )

    def execution(self, arn: str) -> "Run":
        """Return a standard execution. Raises LookupError."""
        return self._runs[arn]

    def executions_of(self, arn: str) -> "list[Run]":
        """Return the executions of a state machine, oldest first."""
        return list(self._runs_of.get(":".join(arn.split(":")[:7]), ()))

    def all_executions(self) -> "list[Run]":
        """Return all executions, newest first."""
        return list(reversed(self._runs.values()))

    def delete_executions(self, arn: str) -> None:
        """Delete the ended executions of a deleted state machine."""
        for run in self._runs_of.pop(arn, ()):
            if run.status != "RUNNING":
                del self._runs[run.arn]

    def deliver(self, message: Message) -> None:
        """Start an execution."""
        name = _execution_name(message.delivery) if message.delivery else None
        self.start(message.target["Arn"], message.body, name=name)

    def machine_of(self, task_token: str) -> str:
        """Return the ARN of the state machine that waits for a task token; "" for an unknown token."""
        return self.tokens.machine_of(task_token)

    def reset(self) -> None:
        """Stop and drop every execution."""
        for run in self._runs.values():
            run.stop(None, None)
        self._runs.clear()
        self._runs_of.clear()

    def _record(self, run: "Run") -> None:
        event = _started_by(run)
        if event is None:
            return
        status = run.status
        more: dict[str, Any] = {"error": f"{run.error}: {run.cause}"} if run.error else {}
        name = display_name(run.machine)
        self.region.scheduler.soon(
            lambda: self.region.history.add("execution", event, name, execution=run.arn, status=status, **more),
            "history",
        )


def _resolve_qualifier(found: Any, qualifier: str, arn: str) -> tuple[Any, str | None]:
    """Return the version of a qualifier, and the alias that selected it."""
    if qualifier.isdecimal() and int(qualifier) in found.versions:
        return found.versions[int(qualifier)], None
    if qualifier in found.aliases:
        routes = found.aliases[qualifier].routing_configuration
        (route,) = random.choices(routes, [each["weight"] for each in routes])  # noqa: S311 - routing, no secret
        return found.versions[int(route["stateMachineVersionArn"].rpartition(":")[2])], arn
    raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def _execution_name(delivery: TargetDelivery) -> str:
    """Return a name that is the same for each attempt to deliver an event from a rule to a target."""
    source = (delivery.rule.arn, delivery.target.get("Id"), delivery.envelope.get("replay-name"))
    return f"{delivery.envelope['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, repr(source))}"


def display_name(machine: Any) -> str:
    """Return the name of a state machine for output: the comment of its definition, or its own name."""
    return str(json.loads(machine.definition).get("Comment") or machine.name)


def _started_by(run: "Run") -> Reference | None:
    """Return the event that started an execution: its input, or the first event of its flow."""
    content = json.loads(run.input)
    if isinstance(content, dict) and content.get("events"):
        return reference(content["events"][0])
    return reference(content)
