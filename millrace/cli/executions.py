"""Executions that failed and left no letter: Step Functions tells of them with its best effort, and no more."""

from collections.abc import Iterable, Iterator
from typing import Any

from millrace.cli.deployed import Deployed
from millrace.cli.letters import Letter, begun_by, failure
from millrace.cli.project import WrongUse
from millrace.flow.assembly import Resource
from millrace.flow.rules import REDRIVABLE_SECONDS, UNSUCCESSFUL
from millrace.local.journal import reference
from millrace.local.lenient import parsed


def unkept(deployed: Deployed, of: str | None, letters: Iterable[Letter]) -> Iterator[Letter]:
    """The executions of each mediator that failed in the last two weeks, and of whose last failure there is no letter.

    https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-states.html
    """
    machines = deployed.cloud.client("stepfunctions")
    kept = {_failure(letter.body["detail"]) for letter in letters if letter.origin == "execution"}
    since = deployed.cloud.now() - REDRIVABLE_SECONDS
    for resource in deployed.assembly.of("StepFunctions::StateMachine"):
        construct = resource.path.rpartition("/")[0]
        name = construct.rpartition("/")[2]
        if of in (None, name):
            for failed in _failed(machines, deployed.name(resource)):
                late = failed["stopDate"].timestamp() <= since
                if not (late or _failure(failed) in kept or _is_purged(deployed, resource, failed)):
                    yield _letter(machines.describe_execution(executionArn=failed["executionArn"]), name, construct)


def purge(deployed: Deployed, letter: Letter) -> None:
    """Note that nobody is to hear of a failure any more: its execution is still there when the letter is not."""
    detail = letter.body["detail"]
    (machine,) = (
        resource
        for resource in deployed.assembly.of("StepFunctions::StateMachine")
        if resource.path.rpartition("/")[0] == letter.construct
    )
    until = int(deployed.cloud.now()) + REDRIVABLE_SECONDS
    item = {**_mark(detail), "expiration": {"N": str(until)}}
    deployed.cloud.client("dynamodb").put_item(TableName=_records(deployed, machine), Item=item)


def _is_purged(deployed: Deployed, machine: Resource, failed: dict[str, Any]) -> bool:
    table = deployed.cloud.client("dynamodb")
    return "Item" in table.get_item(TableName=_records(deployed, machine), Key=_mark(failed), ConsistentRead=True)


def _mark(told: dict[str, Any]) -> dict[str, Any]:
    return {"id": {"S": "purged#{}#{}".format(*_failure(told))}}


def _records(deployed: Deployed, machine: Resource) -> str:
    table = deployed.assembly.named(machine.facts.get("records"), machine)
    if table is None:
        raise WrongUse(f"{machine.path} names no table of records: synthesise it again with this version of the kit.")
    return deployed.name(table)


def _failed(machines: Any, machine: str) -> Iterator[dict[str, Any]]:
    for status in UNSUCCESSFUL:
        for page in machines.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter=status):
            yield from page["executions"]


def _failure(told: dict[str, Any]) -> tuple[str, int]:
    """Which failure of an execution something tells of."""
    return told["executionArn"], told.get("redriveCount") or 0


def _letter(told: dict[str, Any], of: str, construct: str) -> Letter:
    """The letter that Step Functions would have led to."""
    names = ("executionArn", "name", "status", "redriveCount", "error", "cause")
    detail = {name: told[name] for name in names if name in told} | {"input": parsed(told.get("input"))}
    about = reference(begun_by(detail))
    return Letter(
        id=told["name"],
        of=of,
        construct=construct,
        origin="execution",
        sent=told["stopDate"].timestamp(),
        event=about.event if about else "",
        event_id=about.event_id if about else "",
        correlation_id=about.correlation_id if about else "",
        cause=failure(detail),
        attempts=None,
        body={"source": "aws.states", "detail": detail},
    )
