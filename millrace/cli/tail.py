"""`millrace tail`: what happens, as it happens; from the local cloud's journal, or from CloudWatch Logs."""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from millrace.cli import console
from millrace.cli.deployed import Deployed
from millrace.cli.logs import records_of_line
from millrace.cli.project import ASSEMBLY, Project
from millrace.cli.replay import moment
from millrace.cli.target import Cloud, Target, add_options
from millrace.local.journal import Record

_LOOK_EVERY = {"local": 0.3, "aws": 5.0}
_LATE_MS = 60_000
"""How long CloudWatch Logs may take until a line is found, for which every look goes back."""
_FLOW = '"correlation_id"'


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of `millrace`."""
    text = "follow events and their processing until Ctrl-C, in the local cloud or with --aws in CloudWatch Logs"
    parser = commands.add_parser("tail", help=text, description=text)
    parser.add_argument(
        "--since", default="0s", metavar="TIME", help="as 2026-11-27T10:00, or 10min: ago (default: now)"
    )
    parser.add_argument("--event", metavar="NAME", help="only what concerns events of this name")
    parser.add_argument("--processor", metavar="NAME", help="only what this processor, step or mediator does")
    parser.add_argument("--flow", metavar="CORRELATION_ID", help="only this flow")
    parser.add_argument("--errors", action="store_true", help="only what went wrong")
    parser.add_argument("--json", action="store_true", help="print each record as a line of JSON")
    add_options(parser)
    parser.set_defaults(command=lambda chosen: tail(Project(Path.cwd(), ASSEMBLY), chosen))


def tail(project: Project, chosen: argparse.Namespace) -> int:
    """Print what happens until Ctrl-C."""
    cloud = Target.of(chosen).cloud(project)
    begin = moment(chosen.since, cloud.now()).timestamp()
    looks = journal_looks(cloud) if cloud.is_local else log_looks(Deployed(project, cloud), begin)
    wanted = filter_of(chosen, begin)
    try:
        for record in _followed(looks, _LOOK_EVERY["local" if cloud.is_local else "aws"]):
            if wanted(record):
                _print(record, machine=chosen.json)
    except KeyboardInterrupt:
        return 0
    return 0


def _print(record: Record, *, machine: bool) -> None:
    if machine:
        console.data(asdict(record))
    else:
        console.out(line_of(record))


def _followed(looks: Iterator[list[Record]], pause: float) -> Iterator[Record]:
    for number, records in enumerate(looks):
        yield from records
        if number or not records:
            time.sleep(pause)


def journal_looks(cloud: Cloud) -> Iterator[list[Record]]:
    """What a local cloud has noted since the last look."""
    known = 0
    while True:
        told = cloud.ask(f"journal/{known}")
        known = told["next"]
        yield [Record(**record) for record in told["records"]]


def log_looks(deployed: Deployed, begin: float) -> Iterator[list[Record]]:
    """What the functions of the stacks have logged since the last look, in the order of its time."""
    logs = deployed.cloud.client("logs")
    groups = deployed.log_groups(deployed.assembly.of("Lambda::Function"))
    seen: dict[str, int] = {}
    start = int(begin * 1000)
    while True:
        lines = [line for group in groups for line in _lines(logs, group, start) if line["eventId"] not in seen]
        seen |= {line["eventId"]: line["timestamp"] for line in lines}
        start = max(start, max(seen.values(), default=0) - _LATE_MS)
        seen = {line: at for line, at in seen.items() if at >= start}
        records = [record for line in lines for record in records_of_line(line["message"])]
        yield sorted(records, key=lambda record: record.at)


def _lines(logs: Any, group: str, start: int) -> Iterator[dict[str, Any]]:
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start, filterPattern=_FLOW)
    for page in pages:
        yield from page["events"]


def filter_of(chosen: argparse.Namespace, begin: float) -> Callable[[Record], bool]:
    """Whether a record is asked for."""

    def wanted(record: Record) -> bool:
        event = record.name if record.kind == "event" else record.more.get("event")
        doer = record.more.get("producer") if record.kind == "event" else record.name
        return (
            record.at >= begin
            and chosen.event in (None, event)
            and chosen.processor in (None, doer)
            and chosen.flow in (None, record.correlation_id)
            and (not chosen.errors or bool(trouble(record)))
        )

    return wanted


def trouble(record: Record) -> str:
    """What went wrong, or nothing."""
    if record.kind == "dead-letter":
        return f"dead letter in {record.more['queue']}"
    if record.more.get("status") in ("FAILED", "TIMED_OUT", "ABORTED"):
        return str(record.more["status"]).lower()
    return str(record.more.get("error") or "")


def line_of(record: Record) -> str:
    """A record as a line for a person."""
    at = datetime.fromtimestamp(record.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
    wrong = trouble(record)
    done = wrong or record.more.get("event") or record.more.get("producer") or record.more.get("status") or ""
    mark = "✗" if wrong else "●" if record.kind == "event" else "✓"
    return f"{at}  {record.correlation_id}  {mark} {record.name:<20} {record.kind:<11} {done}".rstrip()
