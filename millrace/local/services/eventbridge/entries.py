"""The entries of PutEvents: what is wrong with one, how large it is, and the envelope that it becomes.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from millrace.local.core.clock import iso
from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import reject_lone_surrogates

MAX_ENTRIES = 10
MAX_REQUEST_BYTES = 1_048_576
"""All entries of one call together. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
TIME_BYTES = 14

Entry = dict[str, Any]
_TEXTS = ("Source", "DetailType", "Detail", "EventBusName", "TraceHeader")


@dataclass(frozen=True)
class BadEntry:
    """Why an entry was refused, as PutEvents says it."""

    code: str
    message: str


def entries_of(call: Any) -> Sequence[Entry]:
    """The entries of a call. Raises Refused where one, or the call itself, is of another shape than the API's."""
    entries = (call.get("Entries") or []) if isinstance(call, dict) else None
    if not isinstance(entries, list) or not all(map(_is_shaped, entries)):
        raise ApiError("SerializationException", "The entries are no list of objects that hold texts.")
    return entries


def _is_shaped(entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    resources = entry.get("Resources") or []
    texts = [entry.get(name) or "" for name in _TEXTS]
    return isinstance(resources, list) and all(isinstance(each, str) for each in [*texts, *resources])


def check_call(entries: Sequence[Entry]) -> None:
    """Refuse a call as a whole: no entries, over ten, too large, or a time that is none. Raises Refused."""
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
        _moment(entry.get("Time"))


def check(entry: Entry, detail: Any) -> BadEntry | None:
    """What is wrong with one entry and its parsed detail, the others of its call being of no concern."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"{name} is a required argument."
            return BadEntry("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")
    if not isinstance(detail, dict):
        return BadEntry("MalformedDetail", "Detail is malformed.")
    if str(entry["Source"]).startswith("aws."):
        return BadEntry("NotAuthorizedForSourceException", "Not authorized for the source.")
    return None


def envelope_of(entry: Entry, detail: Any, *, account: str, region: str, now: float) -> dict[str, Any]:
    """The whole event, as rules and targets see it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """
    given = _moment(entry.get("Time"))
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": account,
        "time": iso(now if given is None else given),
        "region": region,
        "resources": entry.get("Resources") or [],
        "detail": detail,
    }


def entry_bytes(entry: Entry) -> int:
    """The size of an entry as EventBridge reckons it, in bytes.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html
    """
    size = TIME_BYTES if entry.get("Time") is not None else 0
    size += sum(len(str(entry.get(name) or "").encode()) for name in ("Source", "DetailType", "Detail"))
    return size + sum(len(str(resource).encode()) for resource in entry.get("Resources") or [])


def parsed(text: Any) -> Any:
    """The value of a JSON text; None for what is no JSON."""
    try:
        return reject_lone_surrogates(json.loads(text, parse_constant=_no_constant), escaped="\\ud" in text.lower())
    except (TypeError, ValueError, RecursionError):
        return None  # the caller says that it is malformed


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _moment(time: Any) -> float | None:
    try:
        moment = time if time is None or isinstance(time, int | float) else datetime.fromisoformat(time).timestamp()
        if moment is not None:
            iso(moment)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise ApiError("SerializationException", f"{time!r} is no timestamp: {error}") from error
    return moment


def _as_aws_prints(entry: Entry) -> str:
    names = {
        "time": "Time",
        "source": "Source",
        "resources": "Resources",
        "detailType": "DetailType",
        "detail": "Detail",
        "eventBusName": "EventBusName",
        "traceHeader": "TraceHeader",
    }
    fields = [f"{printed}={entry.get(name, 'null')}" for printed, name in names.items()]
    return f"PutEventsRequestEntry({', '.join([*fields, 'kmsKeyIdentifier=null', 'internalMetadata=null'])})"
