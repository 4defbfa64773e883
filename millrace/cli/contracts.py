"""`compat`, `schema` and `asyncapi`: what the project's events promise, and to whom a change of it matters."""

import importlib
import inspect
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

from millrace.cli import console
from millrace.cli.project import Project, WrongUse
from millrace.cli.target import Cloud, Target
from millrace.events import Event, UnknownEventError
from millrace.flow import asyncapi as document
from millrace.flow.compat import Change, Consumer, Direction, Documents, UnsupportedSchemaError, compare
from millrace.flow.graph import Node
from millrace.flow.reads import FieldPath, Reads, fields_read
from millrace.flow.schemas import Form, json_schema, registry_schema, schema_name
from millrace.local.printable import printable_lines
from millrace.runtime.hints import UnclearSignature

FORMS: tuple[str, ...] = ("2020-12", *get_args(Form))


def schema(project: Project, name: str, form: str) -> int:
    """Print the schema of an event."""
    try:
        event = project.catalog.named(name)
    except UnknownEventError as error:
        raise WrongUse(str(error.args[0])) from error
    known: dict[str, Form] = {word: word for word in get_args(Form)}
    console.data(registry_schema(event, known[form]) if form in known else json_schema(event), indent=2)
    return 0


def asyncapi(project: Project, release: str, out: Path | None) -> int:
    """Write the AsyncAPI document of the project."""
    title = ", ".join(dict.fromkeys(resource.stack for resource in project.flow))
    made = document.asyncapi(project.graph, title=title, version=release)
    if out:
        out.write_text(json.dumps(made, indent=2) + "\n")
    else:
        console.data(made, indent=2)
    return 0


def save(project: Project, file: Path) -> int:
    """Keep today's contracts in a file, for a later `--against`."""
    schemas = {name: registry_schema(event, "OpenApi3") for name, event in _today(project).items()}
    file.write_text(json.dumps({"schemas": schemas}, indent=2, sort_keys=True) + "\n")
    console.out(f"{file} holds the contracts of {len(schemas)} events")
    return 0


def compat(
    project: Project,
    against: Path | None,
    directions: Sequence[Direction],
    *,
    strict: bool,
    machine: bool,
    target: Target,
) -> int:
    """Compare today's contracts with the deployed ones. 1 if a consumer breaks; `strict` counts notes too.

    A change of a contract may be what keeps the app from being synthesised: then the consumers are those it last had.
    """
    read: Callable[[], Documents] = (
        partial(_saved, against) if against else partial(_registered, project, target.cloud(project))
    )
    if refused := project.flow_as_it_was():
        lines = (f"  {line}" for line in printable_lines(refused))
        console.say("the app is refused as it is, so its consumers are those it last had:", *lines, "")
    deployed = read()
    try:
        changes = compare(deployed, _today(project), _consumers(project))
    except UnsupportedSchemaError as error:
        raise WrongUse(str(error)) from error
    found = [change for change in changes if set(change.directions) & set(directions)]
    if machine:
        console.data([_as_json(change) for change in found], indent=2)
    else:
        console.out(*_told(found, len(deployed)))
    return int(any(change.breaks or strict for change in found))


def _today(project: Project) -> dict[str, type[Event]]:
    return {schema_name(event): event for event in project.catalog}


def _saved(file: Path) -> Documents:
    try:
        schemas: Documents = json.loads(file.read_text())["schemas"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"{file} holds no contracts: {error!r}. Write it with: millrace compat --save {file}") from error
    return schemas


def _registered(project: Project, cloud: Cloud) -> Documents:
    """What the registries of the project's buses hold."""
    client = cloud.client("schemas")
    names = [resource.properties["RegistryName"] for resource in project.flow.of("EventSchemas::Registry")]
    found = dict(pair for name in names for pair in _of_registry(client, cloud, name))
    if not found:
        raise WrongUse(f"{cloud.name} holds no schema of this project: deploy it first, or compare --against a file.")
    return found


def _of_registry(client: Any, cloud: Cloud, name: str) -> Iterator[tuple[str, Any]]:
    try:
        pages = list(client.get_paginator("list_schemas").paginate(RegistryName=name))
    except client.exceptions.NotFoundException as error:
        raise WrongUse(f"{cloud.name} has no schema registry {name}: deploy the project first.") from error
    for page in pages:
        for entry in page["Schemas"]:
            kept = client.describe_schema(RegistryName=name, SchemaName=entry["SchemaName"])
            yield entry["SchemaName"], json.loads(kept["Content"])


def _consumers(project: Project) -> dict[str, list[Consumer]]:
    """Who takes each event, and what each reads of it."""
    return {
        schema_name(event): [
            Consumer(node.name, reads_of(node, event), _of_others(project, node)) for node in _takers(project, event)
        ]
        for event in project.catalog
    }


def _of_others(project: Project, node: Node) -> frozenset[str]:
    """The fields of all events that a function takes: what it reads of a union may be of any of them."""
    taken = {*node.consumes, *node.appends}
    return frozenset(name for event in project.catalog if event.contract.name in taken for name in event.model_fields)


def _takers(project: Project, event: type[Event]) -> list[Node]:
    """The functions that are sent an event, and those whose aggregates are made of it."""
    name = event.contract.name
    return [node for node in project.graph.functions if name in node.consumes or name in node.appends]


def reads_of(node: Node, event: type[Event]) -> Reads:
    """What a function reads of an event: by its wiring, and by its syntax; the kit's own look at metadata alone."""
    found = dict(_wired(node))
    if node.location is None:
        return found
    try:
        handler = importlib.import_module(f"functions.{node.name}.handler").handler
    except UnclearSignature as error:
        return found | {(): f"{node.location}: {error}"}
    for taken in handler.declaration.inputs:
        if event in taken.events:
            found |= fields_read(handler.function, taken.name, many=taken.many)
    for store in handler.declaration.stores:
        if event in store.events:
            _, given, *_ = inspect.signature(store.aggregate.apply).parameters
            found |= fields_read(store.aggregate.apply, given)
    return found


def _wired(node: Node) -> Iterator[tuple[FieldPath, str]]:
    """The fields by which its channel orders events, or by which it handles them once."""
    place = node.construct_location or node.location
    if key := node.facts.get("channel", {}).get("partition_key"):
        yield (key,), f"{place}: ordered(partition_key={key!r})"
    per = node.facts.get("once", {}).get("per", "event_id")
    if per != "event_id":
        yield (per,), f"{node.location or place}: once_per={per!r}"


def _as_json(change: Change) -> dict[str, Any]:
    broken = [{"consumer": name, "place": place} for name, place in change.broken]
    return {**asdict(change), "broken": broken, "breaks": change.breaks}


def _told(changes: list[Change], compared: int) -> list[str]:
    lines = [line for change in sorted(changes, key=lambda each: not each.breaks) for line in _lines(change)]
    broken = sum(change.breaks for change in changes)
    notes = len(changes) - broken
    return [*lines, f"{compared} events compared: {broken} changes break a consumer, {notes} break none"]


def _lines(change: Change) -> Iterator[str]:
    place = f"{change.event}.{change.field}" if change.field else change.event
    if not change.breaks:
        yield f"note    {place} {change.what}" + (": no consumer reads it" if change.field else "")
        if change.field and "backward" in change.directions:
            yield f"        events from before that do not fit are refused all the same: {change.fix}"
        return
    yield f"breaks  {place} {change.what}"
    yield from (f"        {name}  {where}" for name, where in change.broken)
    yield f"        {change.fix}"
