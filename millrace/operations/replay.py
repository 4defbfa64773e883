"""Replay archived events to chosen rules of a bus."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from millrace.flow.graph import UNDECLARED_RULE
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud
from millrace.operations.deployed import DeployedStacks
from millrace.patterns import compile_pattern

_AGO = re.compile(r"(\d+)(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_ENDED = ("COMPLETED", "FAILED", "CANCELLED")
_POLL_SECONDS = 1.0
Report = Callable[[str], None]
"""Called with each line of progress."""


@dataclass(frozen=True)
class Rule:
    """A rule of the bus. `consumer` is the processor or mediator behind it."""

    name: str
    arn: str
    consumer: str
    pattern: str


@dataclass(frozen=True)
class Window:
    """What to replay: an archive, the time span, and the rules; none means all."""

    archive: dict[str, Any]
    begin: datetime
    end: datetime
    rules: Sequence[Rule]


def parse_time(text: str, now: float) -> datetime:
    """A time as ISO 8601, in this machine's zone unless it names one, or as an age such as 2h."""
    if ago := _AGO.fullmatch(text):
        return datetime.fromtimestamp(now - int(ago[1]) * _SECONDS[ago[2]], UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time: write 2026-11-27T10:00, or an age: 30min, 2h, 1d.") from error


def window(deployed: DeployedStacks, begin: str, end: str, archive: str | None) -> Window:
    """The window of an archive, with every rule of its bus."""
    now = deployed.cloud.now()
    first, last = parse_time(begin, now), parse_time(end, now)
    if first >= last:
        raise UsageError(f"--from {first:%F %T} is not before --to {last:%F %T}.")
    found = archive_of(deployed, archive)
    return Window(found, first, last, list(rules_of(deployed, found["EventSourceArn"].rpartition("/")[2])))


def choose_rules(known: Sequence[Rule], wanted: Sequence[str], *, every: bool) -> list[Rule]:
    """The rules that are named by themselves or by their consumers. All rules must be chosen with `every`."""
    consumers = ", ".join(sorted({rule.consumer for rule in known}))
    for name in wanted:
        if not any(name in (rule.consumer, rule.name) for rule in known):
            raise UsageError(f"No rule is named {name} or delivers to it. Rules deliver to: {consumers}.")
    if not wanted and not every:
        raise UsageError(
            f"A replay repeats all effects: choose consumers with --rule ({consumers}), or pass --every-rule."
        )
    return [rule for rule in known if not wanted or rule.consumer in wanted or rule.name in wanted]


def archive_of(deployed: DeployedStacks, name: str | None) -> dict[str, Any]:
    """The description of the named archive, or of the only one of the stacks."""
    events = deployed.cloud.client("events")
    names = [name] if name else [deployed.name(each) for each in deployed.assembly.of("Events::Archive")]
    if len(names) != 1:
        raise UsageError(f"The stacks have {len(names)} archives ({', '.join(names)}): choose one with --archive.")
    try:
        description: dict[str, Any] = events.describe_archive(ArchiveName=names[0])
    except events.exceptions.ResourceNotFoundException as error:
        raise UsageError(f"{deployed.cloud.name} has no archive {names[0]!r}.") from error
    return description


def rules_of(deployed: DeployedStacks, bus: str) -> Iterator[Rule]:
    """The rules of the project's constructs on a bus, without the rule for undeclared events."""
    pages = deployed.cloud.client("events").get_paginator("list_rules").paginate(EventBusName=bus)
    deployed_rules = {rule["Name"]: rule for page in pages for rule in page["Rules"]}
    queues = deployed.of_kind("dead-letters", "SQS::Queue")
    consumers = {each.facts["construct"]: each.facts["of"] for each in queues}
    for resource in deployed.assembly.of("Events::Rule"):
        if resource.facts.get("kind") == UNDECLARED_RULE:
            continue
        rule = deployed_rules.get(deployed.name(resource).rpartition("|")[2])
        if rule and "EventPattern" in rule:
            consumer = consumers.get(resource.path.rpartition("/")[0], resource.path)
            yield Rule(rule["Name"], rule["Arn"], consumer, rule["EventPattern"])


def event_counts(cloud: Cloud, window: Window) -> dict[str, dict[str, int]] | None:
    """How many events of each type every consumer would receive. None on AWS, which cannot list an archive's events."""
    if not cloud.is_local:
        return None
    archived = cloud.call(f"archived/{window.archive['ArchiveName']}")
    begin, end = window.begin.timestamp(), window.end.timestamp()
    events = [event["envelope"] for event in archived if begin <= event["happened"] < end]
    counts: dict[str, Counter[str]] = {rule.consumer: Counter() for rule in window.rules}
    for rule in window.rules:
        counts[rule.consumer] += _matching(rule, events)
    return {consumer: dict(count) for consumer, count in counts.items()}


def _matching(rule: Rule, events: Sequence[dict[str, Any]]) -> Counter[str]:
    pattern = compile_pattern(rule.pattern)
    return Counter(event["detail-type"] for event in events if pattern.matches(event))


def plan(window: Window, counts: dict[str, dict[str, int]] | None) -> dict[str, Any]:
    """The replay as plain data."""
    archive = {name: window.archive[name] for name in ("ArchiveName", "EventCount", "SizeBytes")}
    times = {"from": window.begin.isoformat(), "to": window.end.isoformat()}
    return {"archive": archive, **times, "rules": {rule.name: rule.consumer for rule in window.rules}, "events": counts}


def replay(cloud: Cloud, window: Window, report: Report) -> dict[str, Any]:
    """Start a replay and wait for its end. Returns its description. Ctrl-C cancels it and waits for that."""
    events = cloud.client("events")
    name = f"millrace-{datetime.fromtimestamp(cloud.now(), UTC):%Y%m%dT%H%M%S%f}"
    destination = {"Arn": window.archive["EventSourceArn"], "FilterArns": [rule.arn for rule in window.rules]}
    events.start_replay(
        ReplayName=name,
        EventSourceArn=window.archive["ArchiveArn"],
        EventStartTime=window.begin,
        EventEndTime=window.end,
        Destination=destination,
    )
    try:
        return _wait(events, name, report)
    except KeyboardInterrupt:
        report(f"  cancelling {name}")
        events.cancel_replay(ReplayName=name)
        return _wait(events, name, report)


def _wait(events: Any, name: str, report: Report) -> dict[str, Any]:
    last = ""
    while True:
        state: dict[str, Any] = events.describe_replay(ReplayName=name)
        reached = state.get("EventLastReplayedTime")
        progress = f"  {name}: {state['State']}{f', up to {reached.astimezone():%F %T}' if reached else ''}"
        if progress != last:
            report(progress)
        if state["State"] in _ENDED:
            return state
        last = progress
        time.sleep(_POLL_SECONDS)
