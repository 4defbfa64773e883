"""Executions that failed and left no letter: out of time, aborted, or failed where nothing could be kept."""

import json
from collections.abc import Iterator
from typing import Any

from millrace.cli.deployed import Deployed
from millrace.cli.letters import Letter
from millrace.cli.ways import again
from millrace.local.journal import reference
from millrace.local.lenient import parsed

_KEEPS = "keep the failure"
_LAST = 6
"""Events at the end of a history among which the one stands that says whether the failure was kept."""


def unkept(deployed: Deployed, of: str | None) -> Iterator[Letter]:
    """The failed executions of each mediator that have no letter, and that nobody has started again."""
    machines = deployed.cloud.client("stepfunctions")
    for resource in deployed.assembly.of("StepFunctions::StateMachine"):
        construct = resource.path.rpartition("/")[0]
        name = construct.rpartition("/")[2]
        if of in (None, name):
            for failed in _failed(machines, deployed.name(resource)):
                if not _is_kept(machines, failed["executionArn"]) and not _is_done_again(machines, failed):
                    yield _letter(machines.describe_execution(executionArn=failed["executionArn"]), name, construct)


def _failed(machines: Any, machine: str) -> Iterator[dict[str, Any]]:
    for status in ("FAILED", "TIMED_OUT", "ABORTED"):
        for page in machines.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter=status):
            yield from page["executions"]


def _is_kept(machines: Any, execution: str) -> bool:
    """Whether the state that sends the letter has ended well."""
    told = machines.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=_LAST)["events"]
    return any(event.get("stateExitedEventDetails", {}).get("name") == _KEEPS for event in told)


def _is_done_again(machines: Any, failed: dict[str, Any]) -> bool:
    arn = f"{failed['executionArn'].rpartition(':')[0]}:{again(failed['name'])}"
    try:
        machines.describe_execution(executionArn=arn)
    except machines.exceptions.ExecutionDoesNotExist:
        return False
    return True


def _letter(told: dict[str, Any], of: str, construct: str) -> Letter:
    given = parsed(told.get("input")) or {}
    about = reference((given.get("events") or [None])[0]) if isinstance(given, dict) else None
    body = {"execution": told["executionArn"], "status": told["status"], "input": given}
    return Letter(
        id=told["name"],
        of=of,
        construct=construct,
        origin="execution",
        sent=told["stopDate"].timestamp(),
        event=about.event if about else "",
        event_id=about.event_id if about else "",
        correlation_id=about.correlation_id if about else "",
        cause=f"{told.get('error') or told['status']}: {told.get('cause') or 'its execution left no letter'}",
        attempts=None,
        body=body,
        text=json.dumps(body),
    )
