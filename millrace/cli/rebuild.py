"""`rebuild`: a read model, rebuilt next to the live one."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from millrace.cli import console
from millrace.cli.app import Aws, Json, Yes, app
from millrace.operations import UsageError


@app.command()
def rebuild(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The folder of the projection's function.")],
    *,
    compare: Annotated[bool, typer.Option("--compare", help="Compare the two tables and build nothing.")] = False,
    swap: Annotated[bool, typer.Option("--swap", help="Make the candidate table live.")] = False,
    roll_back: Annotated[bool, typer.Option("--roll-back", help="Make the previous table live again.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Delete the table that is not live.")] = False,
    aws: Aws = False,
    yes: Yes = False,
    as_json: Json = False,
) -> int:
    """Rebuild a read model next to the live one and compare them.

    Its events come from event stores and the archive. Exits with 1 if the two differ.
    """
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations.rebuild import ReadModel

    if compare + swap + roll_back + drop > 1:
        raise UsageError("Choose one of --compare, --swap, --roll-back and --drop.")
    project, target = Project.here(), Target(aws, yes)
    cloud = target.cloud(project, changes=not compare)
    model = ReadModel(project.deployed(cloud), name, console.say)
    if not compare:
        action = "Swap" if swap else "Roll back" if roll_back else "Drop the old table of" if drop else "Rebuild"
        target.confirm(project, cloud, f"{action} the read model {model.name}")
    if swap or roll_back or drop:
        status = model.swap() if swap else model.roll_back() if roll_back else model.drop()
        _print(status, [_status_line(status)], as_json=as_json)
        return 0
    if not compare:
        model.build()
    outcome = model.compare()
    _print(outcome, difference_lines(outcome), as_json=as_json)
    return 1 if outcome["different"] else 0


def _print(outcome: dict[str, Any], lines: Iterator[str] | list[str], *, as_json: bool) -> None:
    if as_json:
        console.data(outcome)
    else:
        console.out(*lines)


def _status_line(status: dict[str, Any]) -> str:
    other = "kept" if status["candidate"] == "built" else "deleted"
    return f"{status['projection']}: {status['live']} is live, the other table is {other}"


def difference_lines(outcome: dict[str, Any]) -> Iterator[str]:
    """The differences for a person."""
    for row in outcome["shown"]:
        for name, (live, candidate) in row["fields"].items():
            yield f"{row['key']}  {name}: {live} → {candidate}"
    if outcome["different"] > len(outcome["shown"]):
        yield f"… and {outcome['different'] - len(outcome['shown'])} more"
    verdict = f"{outcome['different']} differ" if outcome["different"] else "none differs"
    yield f"{outcome['projection']}: {outcome['rows']} live rows, {verdict}. {outcome['live']} is live."
