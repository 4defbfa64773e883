"""`put` and `trace`: events in, and what became of them; locally and on AWS alike."""

import json
from pathlib import Path
from typing import Any

from millrace.cli import console
from millrace.cli.logs import records_of
from millrace.cli.project import Project, WrongUse
from millrace.cli.target import Cloud, Target
from millrace.events import ContractError, Event, Metadata, UnknownEventError, encode, put_entry
from millrace.events.claims import claim_with_clients
from millrace.local.journal import Record
from millrace.local.trace import Trace, as_json


def put(project: Project, name: str, data: str, *, bus: str | None, machine: bool, target: Target) -> int:
    """Check an event and put it; say its correlation id."""
    event = read_event(project, name, data)
    cloud = target.cloud(project, changes=True)
    bus = bus or project.bus()
    target.confirm(project, cloud, f"Put {name} onto the bus {bus}")
    metadata = put_event(cloud, event, bus)
    if machine:
        console.data(metadata.model_dump(mode="json"))
    else:
        console.out(f"{name} is on the bus of {cloud.name}. What it causes: millrace trace {metadata.correlation_id}")
    return 0


def put_event(cloud: Cloud, event: Event, bus: str, correlation_id: str | None = None) -> Metadata:
    """Put an event from outside. Gives the metadata that it was given."""
    version = event.contract.version
    metadata = Metadata.root(producer="millrace put", version=version, correlation_id=correlation_id)
    envelope = claim_with_clients(encode(event.stamped(metadata)), bus, cloud.client)
    answer = cloud.client("events").put_events(Entries=[put_entry(envelope, bus)])
    if answer["FailedEntryCount"]:
        refused = answer["Entries"][0]
        raise WrongUse(f"{cloud.name} refused the event: {refused['ErrorCode']}: {refused.get('ErrorMessage')}")
    return metadata


def read_event(project: Project, name: str, text: str) -> Event:
    """The event of this name, its data checked against the contract."""
    given = _parsed(_text(text))
    try:
        event_type = project.catalog.named(name)
        return event_type.read(given["detail"]["data"] if "detail-type" in given else given, tolerant=False)
    except (UnknownEventError, ContractError) as error:
        raise WrongUse(str(error.args[0])) from error


def _text(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text()
    except OSError as error:
        raise WrongUse(f"--data: {error}") from error


def _parsed(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise WrongUse(f"--data is no JSON: {error}. A file is written @FILE.") from error
    if not isinstance(given, dict):
        raise WrongUse(f"--data is {given!r}: write an object with the event's fields.")
    return given


def trace(project: Project, correlation_id: str, *, machine: bool, target: Target) -> int:
    """Print the tree of a flow. 1 if nothing is known of it."""
    cloud = target.cloud(project)
    found = find_trace(project, cloud, correlation_id)
    if not found.roots:
        raise WrongUse(f"{cloud.name} knows no flow {correlation_id}.")
    print_trace(found, machine=machine)
    return 0


def find_trace(project: Project, cloud: Cloud, correlation_id: str) -> Trace:
    """A flow's tree, from the local cloud's memory or from the logs of the deployed stacks."""
    if cloud.is_local:
        return Trace.of(correlation_id, [Record(**record) for record in cloud.ask(f"flows/{correlation_id}")])
    return Trace.of(correlation_id, records_of(cloud, project.stacks, correlation_id))


def print_trace(found: Trace, *, machine: bool) -> None:
    """Print a tree for a person or for a machine."""
    if machine:
        console.data(as_json(found))
    else:
        console.block(str(found))
