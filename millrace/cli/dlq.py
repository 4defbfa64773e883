"""`millrace dlq`: every dead letter of the stacks, to look at, to give back, to throw away."""

import argparse
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from millrace.cli import console
from millrace.cli.deployed import Deployed
from millrace.cli.executions import purge as purge_execution
from millrace.cli.executions import unkept
from millrace.cli.flows import find_trace
from millrace.cli.letters import Letter, as_json, let_go, letters_in, pretty, veiled
from millrace.cli.logs import records_in
from millrace.cli.project import ASSEMBLY, Project, WrongUse
from millrace.cli.tables import age, table
from millrace.cli.target import Cloud, Target, add_options
from millrace.cli.ways import NoWayBack, send_back
from millrace.local.journal import Record
from millrace.local.printable import printable_lines
from millrace.local.trace import Trace
from millrace.local.trace import as_json as trace_as_json

_HEAD = ("ID", "OF", "EVENT", "AGE", "FROM", "TRIES", "CORRELATION", "CAUSE")
_SHORT = 8
_HIDDEN = 300
"""Seconds for which letters that are sent back or purged are hidden from others who look."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser of `millrace`."""
    text = "list, show, redrive or purge the dead letters of the stacks, in the local cloud or with --aws on AWS"
    inner = commands.add_parser("dlq", help=text, description=text).add_subparsers(required=True, metavar="WHAT")
    _add(inner, "list", "list every dead letter with its origin, age, attempts and cause", list_letters)
    _add(inner, "show", "show one dead letter in full, with the trace of its flow", show, "id")
    _add(inner, "redrive", "send dead letters back to where they failed, then delete them", redrive, "ids")
    _add(inner, "purge", "delete dead letters for good", purge, "ids")


def _add(inner: Any, name: str, text: str, command: Callable[..., int], takes: str = "") -> None:
    parser = inner.add_parser(name, help=text, description=text)
    if takes == "id":
        parser.add_argument("id", metavar="ID", help="as `list` shows it; its beginning will do")
        parser.add_argument("--reveal", action="store_true", help="with the sensitive values, which are masked else")
    else:
        parser.add_argument("--processor", metavar="NAME", help="only of this processor, mediator or bus")
    if takes == "ids":
        parser.add_argument("ids", nargs="*", metavar="ID", help="as `list` shows them; their beginnings will do")
        parser.add_argument("--all", action="store_true", help="every letter there is")
    if name == "redrive":
        parser.add_argument("--rate", type=_rate, metavar="N/s", help="at most so many in a second (default: no limit)")
    add_options(parser, changes=takes == "ids")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON")
    parser.set_defaults(command=lambda chosen: command(Project(Path.cwd(), ASSEMBLY), chosen))


def _rate(text: str) -> float:
    rate = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/s)?", text)
    if not rate or not float(rate[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate: write 5/s, or 0.5/s")
    return float(rate[1])


def list_letters(project: Project, chosen: argparse.Namespace) -> int:
    """Print every letter, with its cause, oldest first."""
    deployed = Deployed(project, Target.of(chosen).cloud(project))
    letters = _looked_at(deployed, chosen.processor)
    told = [veiled(_explained(deployed, letter), project.catalog) for letter in letters]
    if chosen.json:
        console.data([as_json(letter) for letter in told])
    elif told:
        now = deployed.cloud.now()
        console.out(*table(_HEAD, [_row(letter, now) for letter in told], console.width()))
    else:
        console.out(f"No dead letters on {deployed.cloud.name}.")
    return 0


def show(project: Project, chosen: argparse.Namespace) -> int:
    """Print one letter and the trace of its flow."""
    deployed = Deployed(project, Target.of(chosen).cloud(project))
    (letter,) = _named(_looked_at(deployed, None), [chosen.id])
    told = _explained(deployed, letter)
    told = told if chosen.reveal else veiled(told, project.catalog)
    trace = find_trace(project, deployed.cloud, told.correlation_id) if told.correlation_id else None
    if chosen.json:
        console.data(as_json(told) | {"trace": trace_as_json(trace) if trace else None})
    else:
        _print(told, trace, deployed.cloud.now())
    return 0


def _print(letter: Letter, trace: Trace | None, now: float) -> None:
    console.out(*_described(letter, now), "")
    console.block(pretty(letter))
    console.block(f"\n{trace or ''}")


def redrive(project: Project, chosen: argparse.Namespace) -> int:
    """Give letters back, each deleted once its receiver has it. 1 if one could not be given back."""
    deployed, letters = _confirmed(project, chosen, "Redrive")
    done: list[dict[str, str]] = []
    try:
        for number, letter in enumerate(_paced(letters, chosen.rate), 1):
            done.append(_given_back(deployed, letter))
            console.say(f"  {number} of {len(letters)}: {letter.id[:_SHORT]} {_ending(done[-1])}")
    finally:
        let_go(deployed, letters[len(done) :])
    failed = [outcome for outcome in done if "error" in outcome]
    if chosen.json:
        console.data(done)
    else:
        console.out(f"{len(done) - len(failed)} given back, {len(failed)} kept.")
    return 1 if failed else 0


def purge(project: Project, chosen: argparse.Namespace) -> int:
    """Delete dead letters, once a person has confirmed it."""
    deployed, letters = _confirmed(project, chosen, "Delete", locally=True)
    for letter in letters:
        if letter.origin == "execution":
            purge_execution(deployed, letter)
        if letter.waits:
            _delete(deployed.cloud, letter)
    ids = [letter.id for letter in letters]
    if chosen.json:
        console.data(ids)
    else:
        console.out(f"{len(ids)} purged.")
    return 0


def _confirmed(
    project: Project, chosen: argparse.Namespace, action: str, *, locally: bool = False
) -> tuple[Deployed, list[Letter]]:
    """The dead letters that an action is for, once it is confirmed. They are hidden from other readers."""
    target = Target.of(chosen)
    deployed = Deployed(project, target.cloud(project, changes=True))
    letters = _chosen(deployed, chosen)
    of = ", ".join(sorted({letter.of for letter in letters}))
    with _shown_again_unless_done(deployed, letters):
        if letters:
            target.confirm(project, deployed.cloud, f"{action} {len(letters)} dead letters of {of}", locally=locally)
    return deployed, letters


@contextmanager
def _shown_again_unless_done(deployed: Deployed, letters: list[Letter]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        let_go(deployed, letters)
        raise


def _given_back(deployed: Deployed, letter: Letter) -> dict[str, str]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as boto3

    try:
        to = send_back(deployed.cloud, letter)
    except (NoWayBack, ClientError) as error:
        let_go(deployed, [letter])
        return {"id": letter.id, "error": str(error)}
    if letter.waits:
        _delete(deployed.cloud, letter)
    return {"id": letter.id, "to": to}


def _ending(outcome: dict[str, str]) -> str:
    return (
        f"→ {outcome['to'].removesuffix(':$LATEST').rpartition(':')[2]}"
        if "to" in outcome
        else f"stays: {outcome['error']}"
    )


def _delete(cloud: Cloud, letter: Letter) -> None:
    cloud.client("sqs").delete_message(QueueUrl=letter.url, ReceiptHandle=letter.receipt)


def _paced(letters: Sequence[Letter], rate: float | None) -> Iterator[Letter]:
    began = time.monotonic()
    for number, letter in enumerate(letters):
        if rate:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        yield letter


def _looked_at(deployed: Deployed, of: str | None) -> list[Letter]:
    """Every letter and every failed execution without one, seen by all again."""
    letters = letters_in(deployed, of)
    let_go(deployed, letters)
    return sorted([*letters, *unkept(deployed, of, letters)], key=lambda letter: letter.sent)


def _chosen(deployed: Deployed, chosen: argparse.Namespace) -> list[Letter]:
    """The letters that are asked for, hidden from others; all others are let go."""
    if not (chosen.ids or chosen.processor or chosen.all):
        raise WrongUse("which letters? Name their ids, a --processor, or --all.")
    letters = letters_in(deployed, chosen.processor, _HIDDEN)
    found = [*letters, *unkept(deployed, chosen.processor, letters)]
    try:
        wanted = _named(found, chosen.ids) if chosen.ids else found
    except WrongUse:
        let_go(deployed, letters)
        raise
    let_go(deployed, [letter for letter in letters if letter not in wanted])
    return wanted


def _named(letters: Sequence[Letter], ids: Sequence[str]) -> list[Letter]:
    wanted = []
    for given in ids:
        found = [letter for letter in letters if letter.id.startswith(given)]
        if len(found) != 1:
            raise WrongUse(f"{len(found)} of {len(letters)} dead letters have an id that begins with {given!r}.")
        wanted += found
    return wanted


def _explained(deployed: Deployed, letter: Letter) -> Letter:
    """With the error that the function told, where the letter itself does not say why it was given up."""
    if letter.cause or not letter.correlation_id:
        return letter
    functions = deployed.functions_of(letter.construct)
    names = {function.facts["function"] for function in functions}
    errors = [
        record.more["error"]
        for record in _records(deployed, letter.correlation_id, deployed.log_groups(functions))
        if record.kind == "attempt" and record.event_id == letter.event_id and record.name in names
        if record.more.get("error")
    ]
    return replace(letter, cause=errors[-1], attempts=len(errors)) if errors else letter


def _records(deployed: Deployed, correlation_id: str, groups: list[str]) -> list[Record]:
    if deployed.cloud.is_local:
        return [Record(**record) for record in deployed.cloud.ask(f"flows/{correlation_id}")]
    return list(records_in(deployed.cloud.client("logs"), groups, correlation_id))


def _row(letter: Letter, now: float) -> list[str]:
    tries = str(letter.attempts or "")
    cause = letter.cause or "nobody says why"
    told = [letter.event, age(now - letter.sent), letter.origin, tries, letter.correlation_id, cause]
    return [letter.id[:_SHORT], letter.of, *told]


def _described(letter: Letter, now: float) -> Iterator[str]:
    yield f"{letter.id}"
    for name, value in zip(_HEAD[1:], _row(letter, now)[1:], strict=True):
        first, *more = printable_lines(value)
        yield f"  {name.lower():<12} {first}"
        yield from (f"  {'':<12} | {line}" for line in more)
    yield f"  {'queue':<12} {letter.url or 'none: only the execution says so'}"
