"""`init` and `new`: create a project, and add pieces to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli.app import app
from millrace.cli.console import block, out
from millrace.operations import UsageError

if TYPE_CHECKING:
    from millrace.scaffold.pieces import Kind

new = typer.Typer(help="Add a piece to a project, with its test.")
app.add_typer(new, name="new")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as award_points.")]
OfEvent = Annotated[
    str | None,
    typer.Option("--event", metavar="EVENT", help="Choose the event that it consumes. Default: the first."),
]


@app.command()
def init(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The name of the project and its folder.")] = None,
    *,
    update: Annotated[
        bool, typer.Option("--update", help="Render the files around the code of this project again.")
    ] = False,
) -> None:
    """Create a project: one event, one processor, one test."""
    from millrace.scaffold.project import ScaffoldError, create_project, update_project

    if update == bool(name):
        raise UsageError("Name the project to create, or pass --update in a project.")
    try:
        update_project(Path.cwd()) if name is None else create_project(Path.cwd() / name)
    except ScaffoldError as error:
        raise UsageError(str(error)) from error
    out(*(["Compare with git diff."] if name is None else [f"Created {name}.", "", f"  cd {name}", "  make run"]))


@new.command()
def event(name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as RefundRequested.")]) -> None:
    """Add an event of another system, with a recorded example."""
    _add("event", name)


@new.command()
def processor(name: Name, *, event: OfEvent = None) -> None:
    """Add a processor of an event."""
    _add("processor", name, event)


@new.command()
def step(name: Name, *, event: OfEvent = None) -> None:
    """Add a mediator with one step."""
    _add("step", name, event)


@new.command()
def saga(name: Name, *, event: OfEvent = None) -> None:
    """Add a saga with one step, its undo, and both ends."""
    _add("saga", name, event)


@new.command()
def projection(name: Name, *, event: OfEvent = None) -> None:
    """Add a read model of an event."""
    _add("projection", name, event)


@new.command()
def query(
    name: Name,
    *,
    view: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Choose its read model. Default: the only one."),
    ] = None,
) -> None:
    """Add a query of a read model, with an API."""
    _add("query", name, view)


@new.command()
def stream(name: Name) -> None:
    """Add a stream processor: readings of a Kinesis stream in windows, and the event that it publishes."""
    _add("stream", name)


@new.command()
def schedule(name: Name) -> None:
    """Add a schedule, its event, and a processor of it."""
    _add("schedule", name)


def _add(kind: "Kind", name: str, about: str | None = None) -> None:
    from millrace.scaffold.pieces import Piece
    from millrace.scaffold.project import ScaffoldError

    piece = Piece(kind, name, about)
    try:
        left = piece.add(Path.cwd())
    except ScaffoldError as error:
        raise UsageError(str(error)) from error
    out(f"Added the {kind} {piece.snake}, with tests/test_{piece.snake}.py.")
    if left:
        block(left)
