"""`put`, `trace`, `tail` and `explain`: events and what they cause."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millrace.cli import console
from millrace.cli.app import Aws, Bus, Json, Yes, app
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.cli.project import Project
    from millrace.events import Event
    from millrace.operations.history import Record
    from millrace.operations.trace import Trace


@app.command()
def put(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its class name, as PlaceOrder.")],
    *,
    data: Annotated[str, typer.Option(help="Give its data as JSON, or @FILE; a recorded envelope is accepted, too.")],
    bus: Bus = None,
    aws: Aws = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Check an event against its contract and put it onto the bus."""
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations.bus import put_event

    project, target = Project.here(), Target(aws, yes)
    checked = read_event(project, event, data)
    cloud = target.cloud(project, changes=True)
    bus = bus or project.bus()
    target.confirm(project, cloud, f"Put {event} onto the bus {bus}")
    metadata = put_event(cloud, checked, bus)
    if as_json:
        console.data(metadata.model_dump(mode="json"))
    else:
        console.out(
            f"{event} is on the bus of {cloud.name}.", f"See its effects: millrace trace {metadata.correlation_id}"
        )


@app.command()
def trace(
    correlation_id: Annotated[str, typer.Argument(metavar="CORRELATION_ID", help="The flow, as `put` prints it.")],
    *,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Print the causation tree of a flow.

    On AWS, it is read from CloudWatch Logs.
    """
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations.logs import find_trace

    project = Project.here()
    cloud = Target(aws).cloud(project)
    found = find_trace(cloud, () if cloud.is_local else project.stacks, correlation_id)
    if not found.roots:
        raise UsageError(f"{cloud.name} has no flow {correlation_id}.")
    print_trace(found, as_json=as_json)


@app.command()
def tail(
    *,
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Begin at 2026-11-27T10:00, or 10min ago. Default: now.")
    ] = "0s",
    event: Annotated[str | None, typer.Option(metavar="NAME", help="Show only events of this name.")] = None,
    processor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Show only this processor, step or mediator.")
    ] = None,
    flow: Annotated[str | None, typer.Option(metavar="CORRELATION_ID", help="Show only this flow.")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Show only errors.")] = False,
    aws: Aws = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record as a line of JSON.")] = False,
) -> None:
    """Follow events and their processing until Ctrl-C.

    On AWS, they are read from CloudWatch Logs.
    """
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations.replay import parse_time
    from millrace.operations.tail import Filter, follow

    project = Project.here()
    cloud = Target(aws).cloud(project)
    chosen = Filter(parse_time(since, cloud.now()).timestamp(), event, processor, flow, errors)
    try:
        for record in follow(cloud, chosen, lambda: project.deployed(cloud)):
            if as_json:
                console.data(asdict(record))
            else:
                console.out(record_line(record))
    except KeyboardInterrupt:
        return


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="EVENT.json", help="An EventBridge envelope.")],
    *,
    bus: Bus = None,
    aws: Aws = False,
    as_json: Json = False,
) -> int:
    """Explain which rules of the bus match an event.

    For the others, the clauses that fail are printed. Exits with 1 if no rule matches.
    """
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.events.sensitive import redact, sensitive_values
    from millrace.operations.bus import explain_rules

    project, event = Project.here(), _envelope(file)
    cloud = Target(aws).cloud(project)
    name = bus or project.bus()
    secrets = sensitive_values(event, project.catalog)
    found = {rule: [redact(clause, secrets) for clause in failed] for rule, failed in explain_rules(cloud, name, event)}
    if as_json:
        console.data(found)
    else:
        console.out(*(list(_verdicts(found)) or [f"The bus {name} has no rule with a pattern."]))
    return 0 if any(not clauses for clauses in found.values()) else 1


def print_trace(found: "Trace", *, as_json: bool) -> None:
    """Print a causation tree."""
    if as_json:
        console.data(asdict(found))
    else:
        console.block(str(found))


def record_line(record: "Record") -> str:
    """A record as a line for a person."""
    from millrace.operations.tail import error_of

    at = datetime.fromtimestamp(record.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
    error, more = error_of(record), record.more
    what = error or more.get("event") or more.get("producer") or more.get("status") or ""
    mark = "✗" if error else "●" if record.kind == "event" else "✓"
    return f"{at}  {record.correlation_id}  {mark} {record.name:<20} {record.kind:<11} {what}".rstrip()


def read_event(project: "Project", name: str, text: str) -> "Event":
    """The event of this name, its data checked against the contract."""
    from millrace.events import ContractError, UnknownEventError

    given = _parsed(_text(text))
    try:
        event_type = project.catalog.named(name)
        return event_type.read(given["detail"]["data"] if "detail-type" in given else given, tolerant=False)
    except (UnknownEventError, ContractError) as error:
        raise UsageError(str(error.args[0])) from error


def _text(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text()
    except OSError as error:
        raise UsageError(f"--data: cannot read {text[1:]}: {error.strerror}.") from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--data is not JSON: {error}. Write @FILE to read a file.") from error
    if not isinstance(given, dict):
        raise UsageError(f"--data is {given!r}: write an object with the event's fields.")
    return given


def _verdicts(found: dict[str, list[str]]) -> Iterator[str]:
    for rule, clauses in sorted(found.items(), key=lambda verdict: (bool(verdict[1]), verdict[0])):
        yield f"{'✗' if clauses else '✓'} {rule}"
        yield from (f"    {clause}" for clause in clauses)


def _envelope(file: Path) -> dict[str, Any]:
    try:
        event = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} is not a recorded envelope: {error}") from error
    if not isinstance(event, dict) or "detail-type" not in event:
        raise UsageError(f"{file} is not an envelope: it has no detail-type.")
    return event
