"""Following records as they are made: from the local cloud's event history, or from CloudWatch Logs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.operations.cloud import Cloud
from millrace.operations.deployed import DeployedStacks
from millrace.operations.history import Record
from millrace.operations.logs import records_of_line

POLL_SECONDS = {"local": 0.3, "aws": 5.0}
_LATE_MS = 60_000
"""How late CloudWatch Logs may make a line searchable. Every poll goes back this far."""
_FLOW = '"correlation_id"'


@dataclass(frozen=True)
class Filter:
    """Which records to show; None shows all. `begin` is in seconds since 1970."""

    begin: float = 0
    event: str | None = None
    processor: str | None = None
    flow: str | None = None
    errors: bool = False

    def matches(self, record: Record) -> bool:
        """Whether a record passes the filter."""
        event = record.name if record.kind == "event" else record.more.get("event")
        processor = record.more.get("producer") if record.kind == "event" else record.name
        return (
            record.at >= self.begin
            and self.event in (None, event)
            and self.processor in (None, processor)
            and self.flow in (None, record.correlation_id)
            and (not self.errors or bool(error_of(record)))
        )


def error_of(record: Record) -> str:
    """The error that a record reports, or an empty text."""
    if record.kind == "dead-letter":
        return f"dead letter in {record.more['queue']}"
    if record.more.get("status") in ("FAILED", "TIMED_OUT", "ABORTED"):
        return str(record.more["status"]).lower()
    return str(record.more.get("error") or "")


def follow(cloud: Cloud, chosen: Filter, stacks: Callable[[], DeployedStacks]) -> Iterator[Record]:
    """The records that pass the filter, without end. On AWS, the logs of `stacks` are read."""
    polls = history_polls(cloud) if cloud.is_local else log_polls(stacks(), chosen.begin)
    pause = POLL_SECONDS["local" if cloud.is_local else "aws"]
    for number, records in enumerate(polls):
        yield from filter(chosen.matches, records)
        if number or not records:
            time.sleep(pause)


def history_polls(cloud: Cloud) -> Iterator[list[Record]]:
    """The new records of a local cloud, poll by poll, each sorted by time."""
    position = 0
    while True:
        response = cloud.call(f"journal/{position}")
        position = response["next"]
        yield sorted((Record(**record) for record in response["records"]), key=lambda record: record.at)


def log_polls(deployed: DeployedStacks, begin: float) -> Iterator[list[Record]]:
    """The new records in the logs of the stacks' functions, poll by poll, each sorted by time."""
    groups = deployed.log_groups(deployed.assembly.of("Lambda::Function"))
    for found in polls(deployed.cloud.client("logs"), groups, begin, _FLOW):
        records = [record for _, line in found for record in records_of_line(line["message"])]
        yield sorted(records, key=lambda record: record.at)


def polls(logs: Any, groups: Sequence[str], begin: float, pattern: str = "") -> Iterator[list[tuple[str, Any]]]:
    """The new log events of groups, each with its group, poll by poll, sorted by time."""
    seen: dict[str, int] = {}
    start = int(begin * 1000)
    while True:
        found = [(group, line) for group in groups for line in _lines(logs, group, start, pattern)]
        new = [(group, line) for group, line in found if line["eventId"] not in seen]
        seen |= {line["eventId"]: line["timestamp"] for _, line in new}
        start = max(start, max(seen.values(), default=0) - _LATE_MS)
        seen = {line: at for line, at in seen.items() if at >= start}
        yield sorted(new, key=lambda each: each[1]["timestamp"])


def _lines(logs: Any, group: str, start: int, pattern: str) -> Iterator[dict[str, Any]]:
    chosen = {"filterPattern": pattern} if pattern else {}
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start, **chosen):
        yield from page["events"]
