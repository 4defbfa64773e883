"""An event bus: publish to it, and explain its rules."""

from collections.abc import Iterator
from typing import Any

from millrace.events import Event, Metadata, encode, put_entry
from millrace.events.claims import claim_with_clients
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud
from millrace.patterns import compile_pattern


def put_event(cloud: Cloud, event: Event, bus: str, correlation_id: str | None = None) -> Metadata:
    """Put an event onto a bus as an external publisher. Returns its new metadata."""
    check_bus(cloud, bus)
    version = event.contract.version
    metadata = Metadata.root(producer="millrace put", version=version, correlation_id=correlation_id)
    envelope = claim_with_clients(encode(event.stamped(metadata)), bus, cloud.client)
    response = cloud.client("events").put_events(Entries=[put_entry(envelope, bus)])
    if response["FailedEntryCount"]:
        entry = response["Entries"][0]
        raise UsageError(f"{cloud.name} rejected the event: {entry['ErrorCode']}: {entry.get('ErrorMessage')}")
    return metadata


def check_bus(cloud: Cloud, bus: str) -> None:
    """Raise UsageError if a bus does not exist: PutEvents accepts its events and drops them."""
    events = cloud.client("events")
    try:
        events.describe_event_bus(Name=bus)
    except events.exceptions.ResourceNotFoundException as error:
        known = ", ".join(found["Name"] for found in events.list_event_buses()["EventBuses"])
        raise UsageError(f"{cloud.name} has no bus {bus!r}. Its buses are: {known}. Choose one with --bus.") from error


def explain_rules(cloud: Cloud, bus: str, event: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Each rule with a pattern, and the clauses that an event fails to match. None means that the rule matches."""
    events = cloud.client("events")
    try:
        for page in events.get_paginator("list_rules").paginate(EventBusName=bus):
            for rule in page["Rules"]:
                if rule.get("EventPattern") and not rule.get("ManagedBy"):
                    clauses = compile_pattern(rule["EventPattern"]).explain(event)
                    yield rule["Name"], [str(clause) for clause in clauses]
    except events.exceptions.ResourceNotFoundException as error:
        raise UsageError(f"{cloud.name} has no bus {bus!r}: deploy the stack, or name another with --bus.") from error
