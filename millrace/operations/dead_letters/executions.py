"""Dead letters of mediators: failed executions, with a message and without one."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.machine import REDRIVABLE_SECONDS, UNSUCCESSFUL
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud
from millrace.operations.dead_letters.dead_letter import DeadLetter, Failure, Message, NotRedrivableError, Origin
from millrace.operations.deployed import DeployedStacks
from millrace.operations.history import reference
from millrace.operations.json_text import parsed

_START_ANOTHER = (
    "Start another execution with its input, under another name than {}: aws stepfunctions start-execution. It runs "
    "every step again. Then purge this dead letter."
)


class Execution(Origin):
    """An execution that failed, timed out or was stopped, as Step Functions reports it to the default bus.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """

    name = "execution"

    def matches(self, message: Message) -> bool:
        """Step Functions publishes the event."""
        return message.is_from("aws.states")

    def content(self, message: Message, cloud: Cloud) -> Any:
        """The event with the execution's input, which a large event leaves out, and with its error."""
        detail = message.body["detail"]
        machines = cloud.client("stepfunctions")
        if detail.get("input") is None:
            try:
                known = machines.describe_execution(executionArn=detail["executionArn"])
            except machines.exceptions.ExecutionDoesNotExist:
                return message.body
            detail = detail | {name: detail.get(name) or known.get(name) for name in ("input", "error", "cause")}
        return message.body | {"detail": detail | {"input": parsed(detail["input"])}}

    def envelope(self, body: Any) -> Any:
        """The event that started the execution."""
        given = body["detail"].get("input")
        return (given.get("events") or [None])[0] if isinstance(given, dict) else None

    def failure(self, message: Message, body: Any) -> Failure:
        """The execution's error, or only its status if it timed out or was stopped."""
        return Failure(_cause(body["detail"]))

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Continue the execution at the failed step, unless it was redriven since. A client token prevents duplicates.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
        """
        machines, detail = deployed.cloud.client("stepfunctions"), dead_letter.body["detail"]
        arn, number = _failure_id(detail)
        known = _describe(machines, arn)
        if known["redriveCount"] > number or known["status"] in ("RUNNING", "SUCCEEDED"):
            return f"{known['name']}, which was redriven since and is {known['status']}"
        if known["redriveStatus"] != "REDRIVABLE":
            reason = known.get("redriveStatusReason")
            raise NotRedrivableError(f"AWS cannot redrive it ({reason}). {_START_ANOTHER.format(known['name'])}")
        token = hashlib.sha256(f"{arn} {number}".encode()).hexdigest()
        machines.redrive_execution(executionArn=arn, clientToken=token)
        return str(known["name"])

    def purge(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> None:
        """Record that the failure is purged: the execution itself stays, and would be listed again."""
        (machine,) = (each for each in _mediators(deployed) if each.facts["construct"] == dead_letter.construct)
        until = int(deployed.cloud.now()) + REDRIVABLE_SECONDS
        item = {**_key(dead_letter.body["detail"]), "expiration": {"N": str(until)}}
        deployed.cloud.client("dynamodb").put_item(TableName=_records(deployed, machine), Item=item)


def failed_executions(
    deployed: DeployedStacks, owner: str | None, dead_letters: Iterable[DeadLetter]
) -> Iterator[DeadLetter]:
    """The executions that failed in the last two weeks and whose last failure left no message: events are best effort.

    https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-states.html
    """
    machines, tables = deployed.cloud.client("stepfunctions"), deployed.cloud.client("dynamodb")
    known = {_failure_id(each.body["detail"]) for each in dead_letters if isinstance(each.origin, Execution)}
    since = deployed.cloud.now() - REDRIVABLE_SECONDS
    for machine in _mediators(deployed):
        name = machine.facts["construct"].rpartition("/")[2]
        if owner not in (None, name):
            continue
        records = _records(deployed, machine)
        for failed in _unsuccessful(machines, deployed.name(machine)):
            late = failed["stopDate"].timestamp() <= since
            if not (late or _failure_id(failed) in known or _is_purged(tables, records, failed)):
                execution = machines.describe_execution(executionArn=failed["executionArn"])
                yield _dead_letter(execution, name, machine.facts["construct"])


def _mediators(deployed: DeployedStacks) -> list[Resource]:
    return [each for each in deployed.assembly.of("StepFunctions::StateMachine") if "records" in each.facts]


def _records(deployed: DeployedStacks, machine: Resource) -> str:
    """The table that holds the mediator's records."""
    table = deployed.assembly.named(machine.facts["records"], machine)
    if table is None:
        raise UsageError(f"The table of records of {machine.path} is in a stack outside the assembly: synthesise it.")
    return deployed.name(table)


def _unsuccessful(machines: Any, machine: str) -> Iterator[dict[str, Any]]:
    for status in UNSUCCESSFUL:
        for page in machines.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter=status):
            yield from page["executions"]


def _describe(machines: Any, arn: str) -> dict[str, Any]:
    try:
        known: dict[str, Any] = machines.describe_execution(executionArn=arn, includedData="METADATA_ONLY")
    except machines.exceptions.ExecutionDoesNotExist as error:
        name = arn.rpartition(":")[2]
        raise NotRedrivableError(f"its execution does not exist any longer. {_START_ANOTHER.format(name)}") from error
    return known


def _dead_letter(execution: dict[str, Any], owner: str, construct: str) -> DeadLetter:
    """The dead letter of an execution without a message."""
    names = ("executionArn", "name", "status", "redriveCount", "error", "cause")
    detail = {name: execution[name] for name in names if name in execution} | {"input": parsed(execution.get("input"))}
    body = {"source": "aws.states", "detail": detail}
    event = reference(Execution().envelope(body))
    return DeadLetter(
        id=execution["name"],
        of=owner,
        construct=construct,
        origin=Execution(),
        sent=execution["stopDate"].timestamp(),
        event=event.event if event else "",
        event_id=event.event_id if event else "",
        correlation_id=event.correlation_id if event else "",
        cause=_cause(detail),
        attempts=None,
        body=body,
    )


def _cause(detail: dict[str, Any]) -> str:
    cause = parsed(detail.get("cause"))
    message = cause.get("errorMessage") if isinstance(cause, dict) else detail.get("cause")
    return ": ".join([detail.get("error") or detail["status"], *([message] if message else [])])


def _failure_id(detail: dict[str, Any]) -> tuple[str, int]:
    """The execution's ARN and redrive count, which identify one failure."""
    return detail["executionArn"], detail.get("redriveCount") or 0


def _key(detail: dict[str, Any]) -> dict[str, Any]:
    return {"id": {"S": "purged#{}#{}".format(*_failure_id(detail))}}


def _is_purged(tables: Any, records: str, failed: dict[str, Any]) -> bool:
    return "Item" in tables.get_item(TableName=records, Key=_key(failed), ConsistentRead=True)
