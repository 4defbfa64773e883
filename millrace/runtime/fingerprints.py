"""Fingerprints of events: they show whether two events with the same idempotency key are the same event.

A fingerprint is two SHA-256 hashes, one of the event's id and one of its data. Two fingerprints match if one of their
hashes is the same: a redelivery has the same id, although a deployment in between may read its data differently; the
same request sent again has a new id and the same data. Metadata is not compared. Both hashes include the function and
the key, so that the same data has another hash in each record.
"""

import hashlib
import json
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from millrace.events import Event
from millrace.runtime.records import Key, scope


def fingerprint(event: Event, key: Key) -> str:
    """Return the fingerprint of an event; empty if the key is the event id and there is nothing to compare."""
    if event.metadata.idempotency_key is None:
        return ""
    return f"{_digest(key, event.metadata.event_id)} {_digest(key, _canonical(event))}"


def matches(one: str, other: str) -> bool:
    """Whether two fingerprints belong to the same event. An empty one matches every other."""
    return not one or not other or bool(set(one.split()) & set(other.split()))


def _digest(key: Key, content: Any) -> str:
    return hashlib.sha256(json.dumps([scope(), *key, content], sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Return a value as JSON that is the same for equal values.

    Omits fields that have their default, so that a contract can gain an optional field, and sorts sets.
    """
    if isinstance(value, BaseModel):
        fields = {name: (getattr(value, name), field.default) for name, field in type(value).model_fields.items()}
        return {name: _canonical(given) for name, (given, default) in fields.items() if given != default}
    if isinstance(value, dict):
        return {str(to_jsonable_python(name)): _canonical(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(each) for each in value]
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_canonical(each), sort_keys=True) for each in value)
    return to_jsonable_python(value, bytes_mode="base64", inf_nan_mode="strings")
