"""`dlq`: the dead letters of the stacks."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import console
from millrace.cli.app import Aws, Commands, Json, Yes, app
from millrace.operations import UsageError
from millrace.operations.printable import printable_lines

if TYPE_CHECKING:
    from millrace.operations.dead_letters import DeadLetter
    from millrace.operations.deployed import DeployedStacks

_HEAD = ("ID", "OF", "EVENT", "AGE", "FROM", "TRIES", "CORRELATION", "CAUSE")
_CORRELATION = _HEAD.index("CORRELATION")
_WIDE = 130
"""Columns of a terminal that has room for correlation ids."""
_SHORT = 8
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))

dlq = typer.Typer(cls=Commands, help="List, show, redrive or purge dead letters.")
app.add_typer(dlq, name="dlq")

Owner = Annotated[
    str | None, typer.Option("--processor", metavar="NAME", help="Choose those of a processor, mediator or bus.")
]
Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="As `list` prints them, or their beginnings.")]
All = Annotated[bool, typer.Option("--all", help="Choose every dead letter.")]


@dlq.command("list")
def list_(*, processor: Owner = None, aws: Aws = False, as_json: Json = False) -> None:
    """List every dead letter with its origin, age, attempts and cause, oldest first."""
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations import dead_letters

    project = Project.here()
    deployed = project.deployed(Target(aws).cloud(project))
    looked_at = dead_letters.look(deployed, processor)
    found = [dead_letters.explained(deployed, each).masked(project.catalog) for each in looked_at]
    if as_json:
        console.data([each.as_json() for each in found])
    elif found:
        now, narrow = deployed.cloud.now(), (console.width() or _WIDE) < _WIDE
        head, *rows = [_without_correlation(row) if narrow else row for row in (_HEAD, *(_row(e, now) for e in found))]
        console.table(head, rows)
    else:
        console.out(f"No dead letters on {deployed.cloud.name}.")


@dlq.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `list` prints it, or its beginning.")],  # noqa: A002
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show sensitive values instead of masking them.")] = False,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Show one dead letter in full, with the trace of its flow."""
    from dataclasses import asdict

    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations import dead_letters
    from millrace.operations.logs import find_trace

    project = Project.here()
    deployed = project.deployed(Target(aws).cloud(project))
    (chosen,) = dead_letters.with_ids(dead_letters.look(deployed, None), [id])
    found = dead_letters.explained(deployed, chosen)
    found = found if reveal else found.masked(project.catalog)
    trace = find_trace(deployed.cloud, project.stacks, found.correlation_id) if found.correlation_id else None
    if as_json:
        console.data(found.as_json() | {"trace": asdict(trace) if trace else None})
    else:
        console.out(*_described(found, deployed.cloud.now()), "")
        console.block(found.body_text())
        console.block(f"\n{trace or ''}")


@dlq.command()
def redrive(
    ids: Ids = None,
    *,
    processor: Owner = None,
    every: All = False,
    rate: Annotated[
        str | None, typer.Option(metavar="N/s", help="Redrive at most so many a second. Default: no limit.")
    ] = None,
    aws: Aws = False,
    yes: Yes = False,
    as_json: Json = False,
) -> int:
    """Send dead letters back to where they failed, then delete them.

    Exits with 1 if one could not be redriven.
    """
    from millrace.operations import dead_letters

    limit = parse_rate(rate) if rate else None
    with _confirmed("Redrive", ids, processor, every=every, aws=aws, yes=yes) as (deployed, chosen):
        done = []
        with closing(dead_letters.redrive(deployed, chosen, limit)) as outcomes:
            for number, outcome in enumerate(outcomes, 1):
                done.append(outcome)
                console.say(f"  {number} of {len(chosen)}: {outcome['id'][:_SHORT]} {_ending(outcome)}")
    failed = sum("error" in outcome for outcome in done)
    if as_json:
        console.data(done)
    else:
        console.out(f"{len(done) - failed} redriven, {failed} kept.")
    return 1 if failed else 0


@dlq.command()
def purge(
    ids: Ids = None,
    *,
    processor: Owner = None,
    every: All = False,
    aws: Aws = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete dead letters for good."""
    from millrace.operations import dead_letters

    with _confirmed("Delete", ids, processor, every=every, aws=aws, yes=yes) as (deployed, chosen):
        dead_letters.purge(deployed, chosen)
    if as_json:
        console.data([each.id for each in chosen])
    else:
        console.out(f"{len(chosen)} purged.")


@contextmanager
def _confirmed(
    action: str, ids: list[str] | None, processor: str | None, *, every: bool, aws: bool, yes: bool
) -> Iterator[tuple["DeployedStacks", list["DeadLetter"]]]:
    """The dead letters that an action is for, once it is confirmed. Other readers do not see them meanwhile."""
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations import dead_letters

    project, target = Project.here(), Target(aws, yes)
    deployed = project.deployed(target.cloud(project, changes=True))
    if not (ids or processor or every):
        raise UsageError("Choose dead letters: by their ids, with --processor, or with --all.")
    chosen = dead_letters.take(deployed, processor, ids or [])
    owners = ", ".join(sorted({each.of for each in chosen}))
    question = f"{action} {console.counted(len(chosen), 'dead letter')} of {owners}"
    try:
        if chosen:
            target.confirm(project, deployed.cloud, question, locally=action == "Delete")
    except BaseException:
        dead_letters.release(deployed, chosen)
        raise
    yield deployed, chosen


def parse_rate(text: str) -> float:
    """A number per second, from 5/s, 0.5/s or 5."""
    rate = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/s)?", text)
    if not rate or not float(rate[1]):
        raise UsageError(f"--rate {text!r} is not a rate: write 5/s, or 0.5/s.")
    return float(rate[1])


def _ending(outcome: dict[str, str]) -> str:
    if "error" in outcome:
        return f"stays: {outcome['error']}"
    return f"→ {outcome['to'].removesuffix(':$LATEST').rpartition(':')[2]}"


def _row(each: "DeadLetter", now: float) -> tuple[str, ...]:
    cause = each.cause or "unknown"
    tries = str(each.attempts or "")
    return (
        each.id[:_SHORT],
        each.of,
        each.event,
        age(now - each.sent),
        each.origin.name,
        tries,
        each.correlation_id,
        cause,
    )


def _without_correlation(row: tuple[str, ...]) -> tuple[str, ...]:
    return row[:_CORRELATION] + row[_CORRELATION + 1 :]


def _described(each: "DeadLetter", now: float) -> Iterator[str]:
    yield each.id
    for name, value in zip(_HEAD[1:], _row(each, now)[1:], strict=True):
        first, *more = printable_lines(value)
        yield f"  {name.lower():<12} {first}"
        yield from (f"  {'':<12} | {line}" for line in more)
    yield f"  {'queue':<12} {each.url or 'none: the execution left no message'}"


def age(seconds: float) -> str:
    """A duration in its largest unit."""
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{max(0.0, seconds):.0f} s"
