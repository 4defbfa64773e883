"""Executions that failed and left no letter: Step Functions tells of them with its best effort, and no more."""

from collections.abc import Iterable, Iterator
from typing import Any

from millrace.cli.deployed import Deployed
from millrace.cli.letters import Letter, begun_by, failure
from millrace.cli.project import WrongUse
from millrace.flow.assembly import Resource
from millrace.flow.machine import REDRIVABLE_SECONDS, UNSUCCESSFUL
from millrace.local.journal import reference
from millrace.local.lenient import parsed


def unkept(deployed: Deployed, of: str | None, letters: Iterable[Letter]) -> Iterator[Letter]:
    """The executions of each mediator that failed in the last two weeks, and of whose last failure there is no letter.

    https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-states.html
    """
    machines, tables = deployed.cloud.client("stepfunctions"), deployed.cloud.client("dynamodb")
    kept = {_failure(letter.body["detail"]) for letter in letters if letter.origin == "execution"}
    since = deployed.cloud.now() - REDRIVABLE_SECONDS
    for machine in _mediators(deployed):
        construct = machine.facts["construct"]
        name = construct.rpartition("/")[2]
        if of in (None, name):
            records = _records(deployed, machine)
            for failed in _failed(machines, deployed.name(machine)):
                late = failed["stopDate"].timestamp() <= since
                if not (late or _failure(failed) in kept or _is_purged(tables, records, failed)):
                    yield _letter(machines.describe_execution(executionArn=failed["executionArn"]), name, construct)


def purge(deployed: Deployed, letter: Letter) -> None:
    """Note that nobody is to hear of a failure any more: its execution is still there when the letter is not."""
    (machine,) = (each for each in _mediators(deployed) if each.facts["construct"] == letter.construct)
    until = int(deployed.cloud.now()) + REDRIVABLE_SECONDS
    item = {**_mark(letter.body["detail"]), "expiration": {"N": str(until)}}
    deployed.cloud.client("dynamodb").put_item(TableName=_records(deployed, machine), Item=item)


def _mediators(deployed: Deployed) -> list[Resource]:
    return [each for each in deployed.assembly.of("StepFunctions::StateMachine") if "records" in each.facts]


def _records(deployed: Deployed, machine: Resource) -> str:
    """The table in which is noted what was purged."""
    table = deployed.assembly.named(machine.facts["records"], machine)
    if table is None:
        raise WrongUse(f"{machine.path} keeps its records in a stack that is not in the assembly: synthesise it, too.")
    return deployed.name(table)


def _is_purged(tables: Any, records: str, failed: dict[str, Any]) -> bool:
    return "Item" in tables.get_item(TableName=records, Key=_mark(failed), ConsistentRead=True)


def _mark(told: dict[str, Any]) -> dict[str, Any]:
    return {"id": {"S": "purged#{}#{}".format(*_failure(told))}}


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
