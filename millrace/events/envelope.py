"""Converts events to entries of PutEvents, and the envelopes that EventBridge delivers to events.

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
    """The envelope of an event: source, detail-type and detail.

    Validates the data again, for events that were created without validation.
    """
    data = json.loads(event.model_dump_json(warnings=False))
    type(event).read(data, tolerant=False)
    return {
        "source": event.contract.source,
        "detail-type": event.contract.detail_type,
        "detail": {"metadata": event.metadata.model_dump(mode="json", exclude_none=True), "data": data},
    }


def put_entry(envelope: Envelope, bus: str) -> PutEntry:
    """The PutEvents entry of an envelope. `bus` is the name or the ARN of a bus."""
    return {
        "Source": envelope["source"],
        "DetailType": envelope["detail-type"],
        "Detail": json.dumps(envelope["detail"], separators=(",", ":"), ensure_ascii=False),
        "EventBusName": bus,
    }


def entry_bytes(entry: PutEntry) -> int:
    """The size of an entry in bytes, as EventBridge calculates it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
    """
    return sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def decode(envelope: Envelope, event_type: type[E]) -> E:
    """The validated event in an envelope, converted to the newest version, with its metadata.

    Raises ContractError or UnknownVersionError.
    """
    name = event_type.__name__
    detail = envelope.get("detail")
    if not isinstance(detail, dict) or not isinstance(detail.get("data"), dict):
        raise ContractError(name, [("detail", type_and_size(detail), 'should contain {"metadata": {…}, "data": {…}}')])
    if "claim" in detail:
        raise ContractError(name, [("claim", detail["claim"], "is not redeemed: the bus has no claim check")])
    try:
        metadata = Metadata.model_validate(detail.get("metadata"))
    except ValidationError as error:
        raise ContractError.of(f"{name}.metadata", error) from error
    newest = event_type.contract.version
    data = event_type.contract.upcast(detail["data"], metadata.version)
    return event_type.read(data).stamped(metadata.model_copy(update={"version": newest}))
