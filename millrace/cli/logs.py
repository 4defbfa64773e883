"""A flow as the functions' own logs tell it: what `millrace trace` reads on AWS."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from millrace.cli.target import Cloud
from millrace.local.journal import Record


def records_of(cloud: Cloud, stacks: Iterable[str], correlation_id: str) -> list[Record]:
    """What the functions of the stacks have logged about a flow."""
    groups = [group for stack in stacks for group in _log_groups(cloud, stack)]
    return list(records_in(cloud.client("logs"), groups, correlation_id))


def _log_groups(cloud: Cloud, stack: str) -> Iterator[str]:
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::Logs::LogGroup":
                yield resource["PhysicalResourceId"]


def records_in(logs: Any, groups: Iterable[str], correlation_id: str) -> Iterator[Record]:
    """The records of a flow in log groups, by boto3's client for `logs`."""
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=f'"{correlation_id}"'
        )
        for page in pages:
            for event in page["events"]:
                yield from records_of_line(event["message"])


def records_of_line(line: str) -> Iterator[Record]:
    """What a line of a function's log tells: nothing, unless the kit's runtime wrote it."""
    try:
        told = json.loads(line)
    except ValueError:
        return  # a line of the handler's own, not of the kit's runtime
    flow = told.get("flow") if isinstance(told, dict) else None
    if not isinstance(flow, dict) or not flow.get("correlation_id"):
        return
    yield _attempt(told, flow)
    for said in flow.get("published", ()):
        at = datetime.fromisoformat(said["occurred_at"]).timestamp()
        more = {"causation_id": said["causation_id"], "producer": told["service"]}
        yield Record("event", at, flow["correlation_id"], said["event_id"], said["event"], more)


def _attempt(told: dict[str, Any], flow: dict[str, Any]) -> Record:
    error = flow.get("error")
    more = {
        "outcome": "error" if error else "ok",
        "error": f"{error['type']}: {error['message']}" if error else None,
        "attempt": flow.get("attempt"),
        "event": flow.get("event"),
        "execution": flow.get("execution"),
    }
    at = datetime.strptime(told["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
    return Record("attempt", at, flow["correlation_id"], flow["event_id"], told["service"], more)
