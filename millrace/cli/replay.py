"""`millrace replay`: archived events once more to the rules that are named, counted first, and stopped by Ctrl-C."""

import argparse
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from millrace.cli import console
from millrace.cli.deployed import Deployed
from millrace.cli.letters import boxes
from millrace.cli.project import ASSEMBLY, Project, WrongUse
from millrace.cli.target import Target, add_options
from millrace.flow.graph import UNDECLARED_RULE
from millrace.patterns import compile_pattern

_AGO = re.compile(r"(\d+)(s|min|h|d)")
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_ENDED = ("COMPLETED", "FAILED", "CANCELLED")
_LOOK_EVERY = 1.0


@dataclass(frozen=True)
class Rule:
    """A rule of the bus; `of` is the processor or mediator that it feeds."""

    name: str
    arn: str
    of: str
    pattern: str


@dataclass(frozen=True)
class Window:
    """The archive, the time from which events are taken, and the rules that they are put to; none means all."""

    archive: dict[str, Any]
    begin: datetime
    end: datetime
    rules: Sequence[Rule]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of `millrace`."""
    text = "put archived events of a time onto the bus again, for the rules that are named"
    parser = commands.add_parser("replay", help=text, description=text)
    parser.add_argument("--from", required=True, dest="begin", metavar="TIME", help="as 2026-11-27T10:00, or 2h: ago")
    parser.add_argument(
        "--to", dest="end", default="0s", metavar="TIME", help="up to, and without, this (default: now)"
    )
    parser.add_argument(
        "--rule", nargs="+", default=[], metavar="NAME", help="a processor, a mediator, or a rule's name"
    )
    parser.add_argument("--every-rule", action="store_true", help="every rule of the bus: all effects once more")
    parser.add_argument("--archive", metavar="NAME", help="the name of the archive (default: the stack's own)")
    parser.add_argument("--dry-run", action="store_true", help="only say what is known of what it would do")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    add_options(parser, changes=True)
    parser.set_defaults(command=lambda chosen: replay(Project(Path.cwd(), ASSEMBLY), chosen))


def replay(project: Project, chosen: argparse.Namespace) -> int:
    """Count, then replay, then wait for its end. 1 if that is no good one."""
    target = Target.of(chosen)
    cloud = target.cloud(project, changes=not chosen.dry_run)
    deployed = Deployed(project, cloud)
    window = _window(deployed, chosen)
    counts = _counts(deployed, window)
    if chosen.dry_run:
        if chosen.json:
            console.data(_plan(window, counts))
        else:
            console.out(*_told(window, counts))
        return 0
    console.say(*_told(window, counts))
    target.confirm(project, cloud, f"Replay to {len(window.rules)} rules")
    ended = run(cloud.client("events"), window, cloud.now)
    if chosen.json:
        console.data({"replay": ended["ReplayName"], "state": ended["State"], **_plan(window, counts)})
    else:
        console.out(f"{ended['ReplayName']}: {ended['State']}")
    return 0 if ended["State"] == "COMPLETED" else 1


def moment(text: str, now: float) -> datetime:
    """A time as a person writes it: ISO 8601, in this machine's zone unless it names one, or how long ago."""
    if ago := _AGO.fullmatch(text):
        return datetime.fromtimestamp(now - int(ago[1]) * _SECONDS[ago[2]], UTC)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise WrongUse(f"{text!r} is no time: write 2026-11-27T10:00, or 30min, 2h, 1d for so long ago.") from error


def _window(deployed: Deployed, chosen: argparse.Namespace) -> Window:
    now = deployed.cloud.now()
    begin, end = moment(chosen.begin, now), moment(chosen.end, now)
    if begin >= end:
        raise WrongUse(f"--from {begin:%F %T} is not before --to {end:%F %T}.")
    archive = archive_of(deployed, chosen.archive)
    known = list(rules_of(deployed, archive["EventSourceArn"].rpartition("/")[2]))
    return Window(archive, begin, end, _chosen(known, chosen))


def archive_of(deployed: Deployed, name: str | None) -> dict[str, Any]:
    """What there is of an archive: the named one, or the stacks' only one."""
    events = deployed.cloud.client("events")
    names = [name] if name else [deployed.name(each) for each in deployed.assembly.of("Events::Archive")]
    if len(names) != 1:
        raise WrongUse(f"The stacks have {len(names)} archives ({', '.join(names)}): choose one with --archive.")
    try:
        told: dict[str, Any] = events.describe_archive(ArchiveName=names[0])
    except events.exceptions.ResourceNotFoundException as error:
        raise WrongUse(f"{deployed.cloud.name} has no archive {names[0]!r}.") from error
    return told


def rules_of(deployed: Deployed, bus: str) -> Iterator[Rule]:
    """The rules of the project's constructs on a bus, but the one that only keeps what nobody declares."""
    pages = deployed.cloud.client("events").get_paginator("list_rules").paginate(EventBusName=bus)
    deployed_rules = {rule["Name"]: rule for page in pages for rule in page["Rules"]}
    owners = {box.construct: box.of for box in boxes(deployed)}
    for resource in deployed.assembly.of("Events::Rule"):
        if resource.facts.get("kind") == UNDECLARED_RULE:
            continue
        told = deployed_rules.get(deployed.name(resource).rpartition("|")[2])
        if told and "EventPattern" in told:
            of = owners.get(resource.path.rpartition("/")[0], resource.path)
            yield Rule(told["Name"], told["Arn"], of, told["EventPattern"])


def _chosen(known: Sequence[Rule], chosen: argparse.Namespace) -> list[Rule]:
    names = ", ".join(sorted({rule.of for rule in known}))
    for wanted in chosen.rule:
        if not any(wanted in (rule.of, rule.name) for rule in known):
            raise WrongUse(f"no rule is called {wanted}, or feeds it. There are those of {names}.")
    if not chosen.rule and not chosen.every_rule and not chosen.dry_run:
        raise WrongUse(f"a replay has all effects once more: say whose with --rule ({names}), or --every-rule.")
    return [rule for rule in known if not chosen.rule or rule.of in chosen.rule or rule.name in chosen.rule]


def _counts(deployed: Deployed, window: Window) -> dict[str, dict[str, int]] | None:
    """How many events of which types each rule would be given. None on AWS, where nothing lists an archive's events."""
    if not deployed.cloud.is_local:
        return None
    kept = deployed.cloud.ask(f"archived/{window.archive['ArchiveName']}")
    begin, end = window.begin.timestamp(), window.end.timestamp()
    events = [event["envelope"] for event in kept if begin <= event["happened"] < end]
    return {rule.of: _matching(rule, events) for rule in window.rules}


def _matching(rule: Rule, events: Sequence[dict[str, Any]]) -> dict[str, int]:
    pattern = compile_pattern(rule.pattern)
    return dict(Counter(event["detail-type"] for event in events if pattern.matches(event)))


def _plan(window: Window, counts: dict[str, dict[str, int]] | None) -> dict[str, Any]:
    archive = {name: window.archive[name] for name in ("ArchiveName", "EventCount", "SizeBytes")}
    times = {"from": window.begin.isoformat(), "to": window.end.isoformat()}
    return {"archive": archive, **times, "rules": {rule.name: rule.of for rule in window.rules}, "events": counts}


def _told(window: Window, counts: dict[str, dict[str, int]] | None) -> Iterator[str]:
    known = window.archive
    yield f"archive  {known['ArchiveName']}: {known['EventCount']} events, {known['SizeBytes']} bytes"
    yield f"window   {window.begin.astimezone():%F %T} to {window.end.astimezone():%F %T}"
    for rule in window.rules:
        found = ", ".join(f"{number} {name}" for name, number in (counts or {}).get(rule.of, {}).items())
        yield f"rule     {rule.of}: {found or (rule.pattern if counts is None else 'nothing')}"
    if counts is None:
        yield "AWS lists no events of an archive: how many of them lie in the window, nobody knows before."


def run(events: Any, window: Window, now: Callable[[], float]) -> dict[str, Any]:
    """Start a replay and wait for its end; Ctrl-C cancels it, and waits for that."""
    name = f"millrace-{datetime.fromtimestamp(now(), UTC):%Y%m%dT%H%M%S%f}"
    events.start_replay(
        ReplayName=name,
        EventSourceArn=window.archive["ArchiveArn"],
        EventStartTime=window.begin,
        EventEndTime=window.end,
        Destination={
            "Arn": window.archive["EventSourceArn"],
            "FilterArns": [rule.arn for rule in window.rules],
        },
    )
    try:
        return _ended(events, name)
    except KeyboardInterrupt:
        console.say(f"  cancelling {name}")
        events.cancel_replay(ReplayName=name)
        return _ended(events, name)


def _ended(events: Any, name: str) -> dict[str, Any]:
    known = ""
    while True:
        told: dict[str, Any] = events.describe_replay(ReplayName=name)
        reached = told.get("EventLastReplayedTime")
        progress = f"  {name}: {told['State']}{f', up to {reached.astimezone():%F %T}' if reached else ''}"
        if progress != known:
            console.say(progress)
        if told["State"] in _ENDED:
            return told
        known = progress
        time.sleep(_LOOK_EVERY)
