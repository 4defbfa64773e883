"""PutEvents: entries, their validation and size, and the event envelope.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

from millrace.local.core.clock import iso
from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import as_text

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

MAX_ENTRIES = 10
MAX_REQUEST_BYTES = 1_048_576
"""Of all entries of one call. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
TIME_BYTES = 14

Entry = dict[str, Any]
Envelope = dict[str, Any]
_STRINGS = ("Source", "DetailType", "Detail", "EventBusName", "TraceHeader")


@dataclass(frozen=True)
class EntryFailure:
    """Why PutEvents rejected one entry."""

    code: str
    message: str


def entries_of(params: Any) -> Sequence[Entry]:
    """Return the entries of a call. Raises ApiError if they do not have the API's types."""
    entries = (params.get("Entries") or []) if isinstance(params, dict) else None
    if not isinstance(entries, list) or not all(map(_has_api_types, entries)):
        raise ApiError("SerializationException", "`Entries` must be a list of objects with string values.")
    return entries


def _has_api_types(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    resources = entry.get("Resources") or []
    strings = [entry.get(name) or "" for name in _STRINGS]
    return isinstance(resources, list) and all(isinstance(each, str) for each in [*strings, *resources])


def validate_call(entries: Sequence[Entry]) -> None:
    """Reject a call with no entries, more than ten, more than 1 MiB, or an invalid time. Raises ApiError."""
    if not 1 <= len(entries) <= MAX_ENTRIES:
        bound = f"less than or equal to {MAX_ENTRIES}" if entries else "greater than or equal to 1"
        value = ", ".join(_as_aws_prints(entry) for entry in entries)
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '[{value}]' at 'entries' failed to satisfy constraint: "
            f"Member must have length {bound}",
        )
    if sum(entry_bytes(entry) for entry in entries) > MAX_REQUEST_BYTES:
        raise ApiError("ValidationException", "Total size of the entries in the request is over the limit.")
    for entry in entries:
        timestamp(entry.get("Time"))


def validate(entry: Entry, detail: Any) -> EntryFailure | None:
    """Return why PutEvents rejects an entry with this parsed detail; the other entries of its call are accepted."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"{name} is a required argument."
            return EntryFailure("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")
    if not isinstance(detail, dict):
        return EntryFailure("MalformedDetail", "Detail is malformed.")
    if str(entry["Source"]).startswith("aws."):
        return EntryFailure("NotAuthorizedForSourceException", "Not authorized for the source.")
    return None


def new_envelope(
    region: "AccountRegion", source: str, detail_type: str, detail: Any, resources: Sequence[str], time: float
) -> Envelope:
    """Return an event as rules and targets see it, with a new id.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": region.account,
        "time": iso(time),
        "region": region.name,
        "resources": list(resources),
        "detail": detail,
    }


def entry_bytes(entry: Entry) -> int:
    """Return the size of an entry as EventBridge calculates it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
    """
    size = TIME_BYTES if entry.get("Time") is not None else 0
    size += sum(len(str(entry.get(name) or "").encode()) for name in ("Source", "DetailType", "Detail"))
    return size + sum(len(str(resource).encode()) for resource in entry.get("Resources") or [])


def parse_detail(text: Any) -> Any:
    """Return the value of a JSON text; None if it is not JSON."""
    try:
        return as_text(json.loads(text, parse_constant=_reject_constant), escaped="\\ud" in text.lower())
    except (TypeError, ValueError, RecursionError):
        return None  # the entry fails as malformed


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def timestamp(time: Any) -> float | None:
    """Return the seconds since 1970 of an entry's time. Raises ApiError."""
    try:
        seconds = time if time is None or isinstance(time, int | float) else datetime.fromisoformat(time).timestamp()
        if seconds is not None:
            iso(seconds)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise ApiError("SerializationException", f"{time!r} is not a timestamp: {error}") from error
    return seconds


def _as_aws_prints(entry: Entry) -> str:
    names = ("Time", "Source", "Resources", "DetailType", "Detail", "EventBusName", "TraceHeader")
    fields = [f"{name[0].lower()}{name[1:]}={entry.get(name, 'null')}" for name in names]
    return f"PutEventsRequestEntry({', '.join([*fields, 'kmsKeyIdentifier=null', 'internalMetadata=null'])})"
