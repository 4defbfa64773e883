"""Step Functions: which executions there are, and how one begins."""

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
from millrace.local.services.stepfunctions.validation import MachineChecks

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.asl.callbacks import Tokens
    from millrace.local.services.stepfunctions.asl.operations import MachineOperations
    from millrace.local.services.stepfunctions.asl.records import Records
    from millrace.local.services.stepfunctions.asl.run import Machine, Run

NAMES_KEPT = 90 * 24 * 3600
"""Seconds. https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""

TOKENS_KEPT, MOST_TOKENS = 15 * 60, 10
"""Seconds for which a redrive knows its client token again, and how many of them an execution keeps.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
"""

ANSWERED = (
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
    """Starts executions on moto's interpreter, and remembers them. Its methods run on the plane's thread.

    `sound` is the folder in which the definitions are noted that were found sound.
    """

    arn_name = "states"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("states:StartExecution",), role_required=True)
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._runs: dict[str, Run] = {}
        self._of_machine: dict[str, list[Run]] = {}
        self.answers = {f"AWSStepFunctions.{name}": functools.partial(self._answer, name) for name in ANSWERED}
        self.checks = MachineChecks(self, region.cache / "definitions").checks

    def _answer(self, operation: str, asked: dict[str, Any]) -> Any:
        return self.operations.answers[operation](asked)

    @functools.cached_property
    def operations(self) -> "MachineOperations":
        """What is answered. moto's interpreter is imported for the first of them."""
        from millrace.local.services.stepfunctions.asl import changes  # noqa: PLC0415 - a third of a second of import
        from millrace.local.services.stepfunctions.asl.operations import MachineOperations  # noqa: PLC0415 - the same

        changes.change()
        return MachineOperations(self)

    @functools.cached_property
    def tokens(self) -> "Tokens":
        """The task tokens that were given out."""
        from millrace.local.services.stepfunctions.asl.callbacks import Tokens  # noqa: PLC0415 - moto's interpreter

        return Tokens()

    @functools.cached_property
    def _records(self) -> "Records":
        from millrace.local.services.stepfunctions.asl.records import Records  # noqa: PLC0415 - moto's interpreter

        return Records(self.region)

    def start(self, arn: str, text: str, *, name: str | None = None) -> "Run":
        """Start an execution. Raises LookupError if there is no such machine."""
        try:
            return self.begin(arn, text, name)
        except ApiError as refused:
            if refused.code == "StateMachineDoesNotExist":
                raise LookupError(refused.message) from refused
            raise

    def begin(self, arn: str, text: str, name: str | None) -> "Run":
        """Start an execution, or give the one that was started so. Raises Refused."""
        _ = self.operations
        from millrace.local.services.stepfunctions.asl.run import Run  # noqa: PLC0415 - moto's interpreter

        machine = self.machine(arn)
        kind = "express" if machine.express else "execution"
        named = f"{machine.arn.replace(':stateMachine:', f':{kind}:')}:{name or uuid.uuid4()}"
        if machine.express:
            named += f":{uuid.uuid4()}"
        elif named in self._runs and self._runs[named].status == "RUNNING" and self._runs[named].input == text:
            return self._runs[named]
        else:
            self._check_name(named)
        run = Run(self.region, machine, named, text, self._records.told)
        if not machine.express:
            self._runs[named] = run
            self._of_machine.setdefault(machine.arn, []).append(run)
        self._begun(run)
        return run

    def redrive(self, run: "Run", token: str | None) -> float:
        """Have an execution go on where it failed; gives when it did. The same token redrives once. Raises Refused."""
        known = run.redriven_by
        if token in known and self.region.clock.now() - known[token] < TOKENS_KEPT:
            return known[token]
        reason = run.not_redrivable()
        if reason:
            raise ApiError("ExecutionNotRedrivable", f"Execution Not Redrivable: '{reason}'")
        at = run.redrive()
        if token:
            run.redriven_by = dict([*known.items(), (token, at)][-MOST_TOKENS:])
        self._begun(run)
        return at

    def _check_name(self, arn: str) -> None:
        former = self._runs.get(arn)
        if former and (former.stopped_at is None or self.region.clock.now() - former.stopped_at < NAMES_KEPT):
            raise ApiError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")

    def _begun(self, run: "Run") -> None:
        self._remember(run)
        self._records.status(run)
        run.start(self._ended)

    def _ended(self, run: "Run") -> None:
        """In the thread of the execution."""
        self._remember(run)
        self.region.scheduler.soon(lambda: self._records.status(run), f"end of {run.held_as}")

    def named(self, name: str) -> Any:
        """moto's state machine of a name, or None."""
        return next((each for each in self.region.backends.stepfunctions.state_machines if each.name == name), None)

    def machine(self, arn: str) -> "Machine":
        """A state machine, or what a version or an alias of it stands for. Raises Refused."""
        from millrace.local.services.stepfunctions.asl.run import Machine  # noqa: PLC0415 - moto's interpreter

        parts = arn.split(":")
        found = self.named(parts[6]) if parts[5:6] == ["stateMachine"] and len(parts) > 6 else None  # noqa: PLR2004
        if found is None:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        version, alias = _qualified(found, parts[7], arn) if len(parts) > 7 else (None, None)  # noqa: PLR2004
        shown = version or found
        return Machine(
            arn=found.arn,
            name=found.name,
            definition=shown.definition,
            role=shown.roleArn,
            express=found.type == "EXPRESS",
            logging=shown.loggingConfiguration or {},
            version=version.arn if version else None,
            alias=alias,
        )

    def execution(self, arn: str) -> "Run":
        """Return a standard execution. Raises LookupError."""
        return self._runs[arn]

    def runs_of(self, arn: str) -> "list[Run]":
        """The executions of a machine, oldest first."""
        return list(self._of_machine.get(":".join(arn.split(":")[:7]), ()))

    def all_runs(self) -> "list[Run]":
        """Every execution, newest first."""
        return list(reversed(self._runs.values()))

    def forget_machine(self, arn: str) -> None:
        """Forget the executions of a machine that is deleted; what runs goes on."""
        for run in self._of_machine.pop(arn, ()):
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
        self._of_machine.clear()

    def _remember(self, run: "Run") -> None:
        about = _started_by(run)
        if about is None:
            return
        status = run.status
        more: dict[str, Any] = {"error": f"{run.error}: {run.cause}"} if run.error else {}
        name = display_name(run.machine)
        self.region.scheduler.soon(
            lambda: self.region.history.add("execution", about, name, execution=run.arn, status=status, **more),
            "history",
        )


def _qualified(found: Any, qualifier: str, arn: str) -> tuple[Any, str | None]:
    """The version that a qualifier names, and the alias that chose it."""
    if qualifier.isdecimal() and int(qualifier) in found.versions:
        return found.versions[int(qualifier)], None
    if qualifier in found.aliases:
        routes = found.aliases[qualifier].routing_configuration
        (route,) = random.choices(routes, [each["weight"] for each in routes])  # noqa: S311 - routing, no secret
        return found.versions[int(route["stateMachineVersionArn"].rpartition(":")[2])], arn
    raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def _execution_name(delivery: TargetDelivery) -> str:
    """The event's id, and an id that is the same for each attempt of one rule and target."""
    whose = (delivery.rule.arn, delivery.target.get("Id"), delivery.envelope.get("replay-name"))
    return f"{delivery.envelope['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, repr(whose))}"


def display_name(machine: Any) -> str:
    """The name that a person knows a state machine by: the comment of its definition, or its own."""
    return str(json.loads(machine.definition).get("Comment") or machine.name)


def _started_by(run: "Run") -> Reference | None:
    """The event that started an execution: its input, or the first of its flow."""
    given = json.loads(run.input)
    if isinstance(given, dict) and given.get("events"):
        return reference(given["events"][0])
    return reference(given)
