"""The envelope, both ways: from an event to an entry of PutEvents, and from what EventBridge delivers to an event.

https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
"""

import json
from typing import Any, TypedDict, TypeVar

from pydantic import ValidationError

from millrace.events.contract import ContractError
from millrace.events.event import Event
from millrace.events.metadata import Metadata
from millrace.events.sensitive import type_and_size

E = TypeVar("E", bound=Event)

Envelope = TypedDict(
    "Envelope",
    {
        "version": str,
        "id": str,
        "detail-type": str,
        "source": str,
        "account": str,
        "time": str,
        "region": str,
        "resources": list[str],
        "detail": dict[str, Any],
    },
    total=False,
)


class PutEntry(TypedDict):
    """One entry of PutEvents."""

    Source: str
    DetailType: str
    Detail: str
    EventBusName: str


def encode(event: Event) -> Envelope:
    """The event as a mediator keeps it: source, detail-type and detail, as on the bus.

    Checks the data against the contract once more, for an event that was built around it.
    """
    data = json.loads(event.model_dump_json(warnings=False))
    type(event).read(data, tolerant=False)
    return {
        "source": event.contract.source,
        "detail-type": event.contract.detail_type,
        "detail": {"metadata": event.metadata.model_dump(mode="json", exclude_none=True), "data": data},
    }


def put_entry(envelope: Envelope, bus: str) -> PutEntry:
    """The entry that puts an encoded event onto a bus (its name or ARN)."""
    return {
        "Source": envelope["source"],
        "DetailType": envelope["detail-type"],
        "Detail": json.dumps(envelope["detail"], separators=(",", ":"), ensure_ascii=False),
        "EventBusName": bus,
    }


def entry_bytes(entry: PutEntry) -> int:
    """The size that EventBridge reckons with, in bytes.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
    """
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def decode(envelope: Envelope, event_type: type[E]) -> E:
    """The event in an envelope, checked, brought up to the newest version, with its metadata.

    Raises ContractError or UnknownVersionError.
    """
    name = event_type.__name__
    detail = envelope.get("detail")
    if not isinstance(detail, dict) or not isinstance(detail.get("data"), dict):
        raise ContractError(name, [("detail", type_and_size(detail), 'should hold {"metadata": {…}, "data": {…}}')])
    if "claim" in detail:
        raise ContractError(name, [("claim", detail["claim"], "has not been redeemed: this bus has no claim check")])
    try:
        metadata = Metadata.model_validate(detail.get("metadata"))
    except ValidationError as error:
        raise ContractError.of(f"{name}.metadata", error) from error
    newest = event_type.contract.version
    data = event_type.contract.upcast(detail["data"], metadata.version)
    return event_type.read(data).stamped(metadata.model_copy(update={"version": newest}))
