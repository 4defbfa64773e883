"""`restore` and `erase`: the events of an event store."""

from typing import TYPE_CHECKING, Annotated

import typer

from millrace.cli import console
from millrace.cli.app import Aws, Json, Yes, app

if TYPE_CHECKING:
    from millrace.cli.project import Project
    from millrace.operations.event_stores import EventStoreTable

Store = Annotated[str, typer.Argument(metavar="STORE", help="The id of the event store's construct.")]


@app.command()
def restore(
    store: Store,
    *,
    table: Annotated[str, typer.Option("--from", metavar="TABLE", help="Choose the restored table.")],
    aws: Aws = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Restore an event store from a table that DynamoDB has restored.

    Stop the functions that append to the store first, and rebuild its read models afterwards.
    """
    _, events = _confirmed(store, f"Replace all items of the event store with those of {table}", aws=aws, yes=yes)
    outcome = events.replace_items(table)
    line = f"deleted {outcome['deleted']} items, copied {outcome['copied']} of {table}"
    _print(store, outcome, line, as_json=as_json)


@app.command()
def erase(
    store: Store,
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="The stream, such as order-1001.")],
    *,
    aws: Aws = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete the sensitive values in a stream of an event store.

    Events, versions and positions stay; sensitive fields become *****. Rebuild the read models afterwards.
    """
    project, events = _confirmed(store, f"Erase the sensitive values of the stream {stream}", aws=aws, yes=yes)
    outcome = events.erase(stream, project.catalog)
    line = f"erased {outcome['events']} events of {stream}, deleted {outcome['objects']} objects"
    _print(store, outcome, line, as_json=as_json)


def _confirmed(store: str, question: str, *, aws: bool, yes: bool) -> "tuple[Project, EventStoreTable]":
    """Open the event store, after a person has answered the question with yes."""
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.operations.event_stores import EventStoreTable

    project, target = Project.here(), Target(aws, yes)
    cloud = target.cloud(project, changes=True)
    events = EventStoreTable(project.deployed(cloud), store)
    target.confirm(project, cloud, question, locally=True)
    return project, events


def _print(store: str, outcome: dict[str, int], line: str, *, as_json: bool) -> None:
    if as_json:
        console.data({"store": store, **outcome})
    else:
        console.out(f"{store}: {line}")
