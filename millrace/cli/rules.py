"""`explain`: which rules an event matches, and why it does not match the others; locally and on AWS alike."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from millrace.cli import console
from millrace.cli.project import Project, WrongUse
from millrace.cli.target import Cloud, Target
from millrace.events.sensitive import redact, sensitive_values
from millrace.patterns import compile_pattern


def explain(project: Project, file: Path, *, bus: str | None, machine: bool, target: Target) -> int:
    """Print a verdict for each rule with a pattern. 1 if the event matches none."""
    event = _envelope(file)
    cloud = target.cloud(project)
    name = bus or project.bus()
    secrets = sensitive_values(event, project.catalog)
    verdicts = _verdicts(cloud, name, event)
    found = {rule: [redact(str(clause), secrets) for clause in clauses] for rule, clauses in verdicts}
    if machine:
        console.data(found)
    else:
        console.out(*(list(_told(found)) or [f"The bus {name} has no rule with a pattern."]))
    return 0 if any(not clauses for clauses in found.values()) else 1


def _verdicts(cloud: Cloud, bus: str, event: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    events = cloud.client("events")
    try:
        for page in events.get_paginator("list_rules").paginate(EventBusName=bus):
            for rule in page["Rules"]:
                if rule.get("EventPattern") and not rule.get("ManagedBy"):
                    yield rule["Name"], compile_pattern(rule["EventPattern"]).explain(event)
    except events.exceptions.ResourceNotFoundException as error:
        raise WrongUse(f"{cloud.name} has no bus {bus!r}: deploy the stack, or name another with --bus.") from error


def _told(found: dict[str, list[str]]) -> Iterator[str]:
    for rule, clauses in sorted(found.items(), key=lambda verdict: (bool(verdict[1]), verdict[0])):
        yield f"{'✗' if clauses else '✓'} {rule}"
        yield from (f"    {clause}" for clause in clauses)


def _envelope(file: Path) -> dict[str, Any]:
    try:
        event = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise WrongUse(f"{file} is no recorded envelope: {error}") from error
    if not isinstance(event, dict) or "detail-type" not in event:
        raise WrongUse(f"{file} is no envelope: it has no detail-type.")
    return event
