"""`replay`: archived events, for chosen rules."""

from collections.abc import Iterator
from dataclasses import replace as changed
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import console
from millrace.cli.app import Aws, Json, Yes, app

if TYPE_CHECKING:
    from millrace.operations.replay import Window

Time = typer.Option("--from", metavar="TIME", help="Begin at 2026-11-27T10:00, or 2h ago.")


@app.command()
def replay(
    *,
    begin: Annotated[str, Time],
    end: Annotated[
        str, typer.Option("--to", metavar="TIME", help="End before this time. Default: now.", show_default=False)
    ] = "0s",
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Choose a processor, a mediator or a rule. Repeat for more."),
    ] = None,
    every_rule: Annotated[bool, typer.Option("--every-rule", help="Choose every rule: all effects repeat.")] = False,
    archive: Annotated[
        str | None, typer.Option(metavar="NAME", help="Choose an archive. Default: that of the stacks.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and replay nothing.")] = False,
    aws: Aws = False,
    yes: Yes = False,
    as_json: Json = False,
) -> int:
    """Replay archived events to chosen rules of the bus.

    Ctrl-C cancels the replay. Exits with 1 unless the replay completes.
    """
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations import replay as replays

    project, target = Project.here(), Target(aws, yes)
    cloud = target.cloud(project, changes=not dry_run)
    whole = replays.window(project.deployed(cloud), begin, end, archive)
    window = changed(whole, rules=replays.choose_rules(whole.rules, rule or [], every=every_rule or dry_run))
    counts = replays.event_counts(cloud, window)
    if dry_run:
        if as_json:
            console.data(replays.plan(window, counts))
        else:
            console.out(*plan_lines(window, counts))
        return 0
    console.say(*plan_lines(window, counts))
    target.confirm(project, cloud, f"Replay to {console.counted(len(window.rules), 'rule')}")
    ended = replays.replay(cloud, window, console.say)
    if as_json:
        console.data({"replay": ended["ReplayName"], "state": ended["State"], **replays.plan(window, counts)})
    else:
        console.out(f"{ended['ReplayName']}: {ended['State']}")
    return 0 if ended["State"] == "COMPLETED" else 1


def plan_lines(window: "Window", counts: dict[str, dict[str, int]] | None) -> Iterator[str]:
    """The plan for a person."""
    archive = window.archive
    yield f"archive  {archive['ArchiveName']}: {archive['EventCount']} events, {archive['SizeBytes']} bytes"
    yield f"window   {window.begin.astimezone():%F %T} to {window.end.astimezone():%F %T}"
    if counts is None:
        yield from (f"rule     {rule.consumer}: {rule.pattern}" for rule in window.rules)
        yield "AWS cannot list the events of an archive: how many the window contains is unknown."
        return
    for consumer, count in counts.items():
        found = ", ".join(f"{number} {name}" for name, number in count.items())
        yield f"to       {consumer}: {found or 'nothing'}"
