"""Event history: from the local cloud, or from the logs of the functions on AWS."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from millrace.operations.cloud import Cloud
from millrace.operations.history import Record
from millrace.operations.trace import Trace


def find_trace(cloud: Cloud, stacks: Iterable[str], correlation_id: str) -> Trace:
    """The causation tree of a flow. `stacks` are those whose logs are read on AWS."""
    if cloud.is_local:
        return Trace.of(correlation_id, local_records(cloud, correlation_id))
    groups = [group for stack in stacks for group in _log_groups(cloud, stack)]
    return Trace.of(correlation_id, records_in(cloud.client("logs"), groups, correlation_id))


def local_records(cloud: Cloud, correlation_id: str) -> list[Record]:
    """The records of a flow in a local cloud."""
    return [Record(**record) for record in cloud.call(f"flows/{correlation_id}")]


def _log_groups(cloud: Cloud, stack: str) -> Iterator[str]:
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    for page in pages:
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::Logs::LogGroup":
                yield resource["PhysicalResourceId"]


def records_in(logs: Any, groups: Iterable[str], correlation_id: str) -> Iterator[Record]:
    """The records of a flow in log groups. `logs` is boto3's client for CloudWatch Logs."""
    for group in groups:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, filterPattern=f'"{correlation_id}"'
        )
        for page in pages:
            for event in page["events"]:
                yield from records_of_line(event["message"])


def records_of_line(line: str) -> Iterator[Record]:
    """The records of one log line. A line that Millrace's runtime did not write has none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return  # a line of the handler's own
    flow = entry.get("flow") if isinstance(entry, dict) else None
    if not isinstance(flow, dict) or not flow.get("correlation_id"):
        return
    yield _attempt(entry, flow)
    for event in flow.get("published", ()):
        at = datetime.fromisoformat(event["occurred_at"]).timestamp()
        more = {"causation_id": event["causation_id"], "producer": entry["service"]}
        yield Record("event", at, flow["correlation_id"], event["event_id"], event["event"], more)


def _attempt(entry: dict[str, Any], flow: dict[str, Any]) -> Record:
    error = flow.get("error")
    more = {
        "outcome": "error" if error else "ok",
        "error": f"{error['type']}: {error['message']}" if error else None,
        "attempt": flow.get("attempt"),
        "event": flow.get("event"),
        "execution": flow.get("execution"),
    }
    at = datetime.strptime(entry["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()
    return Record("attempt", at, flow["correlation_id"], flow["event_id"], entry["service"], more)
