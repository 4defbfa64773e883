"""`compat`, `schema`, `asyncapi` and `openapi`: the contracts of the project's events and APIs."""

import importlib
import inspect
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from millrace.cli import console
from millrace.cli.app import Aws, Json, Out, app
from millrace.operations import UsageError
from millrace.operations.printable import printable_lines

if TYPE_CHECKING:
    from millrace.cli.project import Project
    from millrace.events import Event
    from millrace.flow.compat import Change, Consumer, Documents
    from millrace.flow.graph import Node
    from millrace.flow.reads import FieldPath, Reads
    from millrace.operations.cloud import Cloud


@app.command()
def compat(
    *,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare with contracts saved by --save.")
    ] = None,
    commit: Annotated[str, typer.Option(metavar="REV", help="Compare with the contracts of this git commit.")] = "HEAD",
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save today's contracts and compare nothing.")
    ] = None,
    mode: Annotated[
        Literal["full", "backward", "forward"],
        typer.Option(help="Choose backward: new code, old events; forward: old consumers, new events; full: both."),
    ] = "full",
    strict: Annotated[bool, typer.Option("--strict", help="Count changes that break no consumer, too.")] = False,
    aws: Aws = False,
    as_json: Json = False,
) -> int:
    """Compare today's event contracts with those of the last commit.

    With --aws, they are compared with the deployed ones. The events, fields and consumers that break are printed.
    Exits with 1 if a consumer breaks. If the app cannot be synthesised, the consumers are those of its last assembly.
    """
    from millrace.cli.project import Project
    from millrace.cli.target import Target
    from millrace.flow.compat import UnsupportedSchemaError, compare

    project = Project.here()
    if save:
        _save(project, save)
        return 0
    read: Callable[[], Documents] = partial(_committed, project, commit)
    if against or aws:
        read = partial(_saved, against) if against else partial(_registered, project, Target(aws).cloud(project))
    if error := project.use_last_flow():
        lines = (f"  {line}" for line in printable_lines(error))
        console.say("the app cannot be synthesised, so the consumers are those of its last assembly:", *lines, "")
    deployed = read()
    try:
        changes = compare(deployed, _today(project), _consumers(project))
    except UnsupportedSchemaError as error:
        raise UsageError(str(error)) from error
    directions = {"backward", "forward"} if mode == "full" else {mode}
    found = [change for change in changes if set(change.directions) & directions]
    if as_json:
        console.data([_as_json(change) for change in found], indent=2)
    else:
        console.out(*change_lines(found, len(deployed)))
    return int(any(change.breaks or strict for change in found))


@app.command()
def schema(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its class name, as PlaceOrder.")],
    *,
    form: Annotated[
        Literal["2020-12", "OpenApi3", "JSONSchemaDraft4"],
        typer.Option(help="Choose JSON Schema 2020-12, or a form of EventBridge's schema registry."),
    ] = "2020-12",
) -> None:
    """Print the schema of an event."""
    from millrace.cli.project import Project
    from millrace.events import UnknownEventError
    from millrace.flow.schemas import json_schema, registry_schema

    try:
        found = Project.here().catalog.named(event)
    except UnknownEventError as error:
        raise UsageError(str(error.args[0])) from error
    console.data(json_schema(found) if form == "2020-12" else registry_schema(found, form), indent=2)


@app.command()
def asyncapi(
    *,
    out: Out = None,
    release: Annotated[str, typer.Option(metavar="VERSION", help="Set the version of the document.")] = "1.0.0",
) -> None:
    """Print the AsyncAPI 3.0 document of the project's events."""
    from millrace.cli.project import Project
    from millrace.flow import asyncapi as document

    project = Project.here()
    title = ", ".join(dict.fromkeys(resource.stack for resource in project.flow))
    made = document.asyncapi(project.graph, title=title, version=release)
    if out:
        project.write(out, json.dumps(made, indent=2) + "\n")
    else:
        console.data(made, indent=2)


@app.command()
def openapi(
    *,
    api: Annotated[
        str | None, typer.Option(metavar="NAME", help="Choose an API by the end of its construct's path.")
    ] = None,
    out: Out = None,
) -> None:
    """Print the OpenAPI 3.1 document of an API."""
    from millrace.cli.project import Project

    project = Project.here()
    text = _api_document(project, api).read_text()
    if out:
        project.write(out, text)
    else:
        console.data(json.loads(text), indent=2)


def _api_document(project: "Project", name: str | None) -> Path:
    """The document of the API whose construct's path ends with the name, or of the only one."""
    every = _api_documents(project)
    found = {path: file for path, file in every.items() if name is None or f"/{path}".endswith(f"/{name}")}
    if len(found) != 1:
        known = ", ".join(every) or "none"
        raise UsageError(f"The stacks have these APIs: {known}. Name one of them with --api.")
    return next(iter(found.values()))


def _api_documents(project: "Project") -> dict[str, Path]:
    """The documents by the paths of the constructs. Each is in the code of the function that publishes it."""
    from millrace.runtime.api.commands import DOCUMENT

    return {
        str(resource.facts["construct"]).rpartition("/")[0]: project.assembly
        / f"asset.{str(resource.properties['Code']['S3Key']).removesuffix('.zip')}"
        / DOCUMENT
        for resource in project.flow.of("Lambda::Function")
        if resource.facts.get("kind") == "commands"
    }


def _save(project: "Project", file: Path) -> None:
    from millrace.flow.schemas import registry_schema

    schemas = {name: registry_schema(event, "OpenApi3") for name, event in _today(project).items()}
    project.write(file, json.dumps({"schemas": schemas}, indent=2, sort_keys=True) + "\n")
    console.out(f"{file} holds the contracts of {console.counted(len(schemas), 'event')}")


def _today(project: "Project") -> dict[str, type["Event"]]:
    from millrace.flow.schemas import schema_name

    return {schema_name(event): event for event in project.catalog}


def _saved(file: Path) -> "Documents":
    try:
        schemas: Documents = json.loads(file.read_text())["schemas"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} holds no contracts: {error!r}. Save them: millrace compat --save {file}") from error
    return schemas


def _committed(project: "Project", commit: str) -> "Documents":
    from millrace.cli.committed import save_contracts_of

    with tempfile.TemporaryDirectory(prefix="millrace-compat-") as folder:
        save_contracts_of(project.root, commit, Path(folder) / "contracts.json")
        return _saved(Path(folder) / "contracts.json")


def _registered(project: "Project", cloud: "Cloud") -> "Documents":
    """The schemas in the registries of the project's buses."""
    client = cloud.client("schemas")
    names = [resource.properties["RegistryName"] for resource in project.flow.of("EventSchemas::Registry")]
    found = dict(pair for name in names for pair in _of_registry(client, cloud, name))
    if not found:
        raise UsageError(f"{cloud.name} holds no schema of this project: deploy it first, or compare --against a file.")
    return found


def _of_registry(client: Any, cloud: "Cloud", name: str) -> Iterator[tuple[str, Any]]:
    try:
        pages = list(client.get_paginator("list_schemas").paginate(RegistryName=name))
    except client.exceptions.NotFoundException as error:
        raise UsageError(f"{cloud.name} has no schema registry {name}: deploy the project first.") from error
    for page in pages:
        for entry in page["Schemas"]:
            stored = client.describe_schema(RegistryName=name, SchemaName=entry["SchemaName"])
            yield entry["SchemaName"], json.loads(stored["Content"])


def _consumers(project: "Project") -> dict[str, list["Consumer"]]:
    """The consumers of each event, and the fields that each reads."""
    from millrace.flow.compat import Consumer
    from millrace.flow.schemas import schema_name

    return {
        schema_name(event): [
            Consumer(node.name, reads_of(node, event), _fields_consumed(project, node))
            for node in _consuming(project, event)
        ]
        for event in project.catalog
    }


def _fields_consumed(project: "Project", node: "Node") -> frozenset[str]:
    """The fields of all events that a function consumes. A field read from a union may belong to any of them."""
    consumed = {*node.consumes, *node.appends}
    events = (event for event in project.catalog if event.contract.name in consumed)
    return frozenset(name for event in events for name in event.model_fields)


def _consuming(project: "Project", event: type["Event"]) -> list["Node"]:
    """The functions that receive an event, and those whose aggregates apply it."""
    name = event.contract.name
    return [node for node in project.graph.functions if name in node.consumes or name in node.appends]


def reads_of(node: "Node", event: type["Event"]) -> "Reads":
    """The fields of an event that a function reads, from its wiring and its source. Millrace reads only metadata."""
    from millrace.flow.reads import fields_read
    from millrace.runtime.signatures import SignatureError

    found = dict(_wired(node))
    if node.location is None:
        return found
    try:
        handler = importlib.import_module(f"functions.{node.name}.handler").handler
    except SignatureError as error:
        return found | {(): f"{node.location}: {error}"}
    for each in handler.declaration.inputs:
        if event in each.events:
            found |= fields_read(handler.function, each.name, many=each.many)
    for store in handler.declaration.stores:
        if event in store.events:
            _, parameter, *_ = inspect.signature(store.aggregate.apply).parameters
            found |= fields_read(store.aggregate.apply, parameter)
    return found


def _wired(node: "Node") -> Iterator[tuple["FieldPath", str]]:
    """The fields that order events or identify them for idempotency."""
    source = node.construct_location or node.location
    if key := node.facts.get("channel", {}).get("partition_key"):
        yield (key,), f"{source}: ordered(partition_key={key!r})"
    per = node.facts.get("once", {}).get("per", "event_id")
    if per != "event_id":
        yield (per,), f"{node.location or source}: once_per={per!r}"


def _as_json(change: "Change") -> dict[str, Any]:
    broken = [{"consumer": name, "place": location} for name, location in change.broken]
    return {**asdict(change), "broken": broken, "breaks": change.breaks}


def change_lines(changes: list["Change"], compared: int) -> list[str]:
    """The changes for a person."""
    lines = [line for change in sorted(changes, key=lambda each: not each.breaks) for line in _lines(change)]
    broken = sum(change.breaks for change in changes)
    notes = len(changes) - broken
    breaking = f"{console.counted(broken, 'change')} {'breaks' if broken == 1 else 'break'} a consumer"
    return [*lines, f"{console.counted(compared, 'event')} compared: {breaking}, {notes} break none"]


def _lines(change: "Change") -> Iterator[str]:
    subject = f"{change.event}.{change.field}" if change.field else change.event
    if not change.breaks:
        yield f"note    {subject} {change.what}" + (": no consumer reads it" if change.field else "")
        if change.field and "backward" in change.directions:
            yield f"        older events that do not match are still rejected: {change.fix}"
        return
    yield f"breaks  {subject} {change.what}"
    yield from (f"        {name}  {location}" for name, location in change.broken)
    yield f"        {change.fix}"
