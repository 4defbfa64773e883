"""The Lambda function that publishes an event when an attribute of an item changes.

It reads the stream of a table at least once, so an event can be published again, with the same id. A field of the event
has the value of the attribute with its name in the new image; a field `old_…` has the one of the old image.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

import base64
import json
import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from millrace.events import Event, Metadata, encode
from millrace.events.ids import effect_id
from millrace.runtime.claims import claimed
from millrace.runtime.dynamodb import number
from millrace.runtime.environment import event_types
from millrace.runtime.observe import logger
from millrace.runtime.priming import prime
from millrace.runtime.publisher import publisher

EVENT, FIELD = "MILLRACE_CHANGE_EVENT", "MILLRACE_CHANGE_FIELD"
"""The environment variables with the class of the event, as `module:Name`, and with the attribute."""
OLD = "old_"


prime()


def handler(payload: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda's own signature
    """Publish an event for each item whose attribute has changed. An error fails the batch, which is bisected."""
    found = [event for record in payload["Records"] if (event := _event(record)) is not None]
    if found:
        publisher().publish([claimed(encode(event)) for event in found])
    logger().info("changes published", extra={"read": len(payload["Records"]), "published": len(found)})


def _event(record: Any) -> Event | None:
    old, new = (_plain(record["dynamodb"].get(image, {})) for image in ("OldImage", "NewImage"))
    name = os.environ[FIELD]
    if not old or not new or old.get(name) == new.get(name):
        return None
    event = _class()
    data = {field: _value(field, old, new) for field in event.model_fields}
    return event.read({field: value for field, value in data.items() if value is not None}).stamped(_metadata(record))


def _value(field: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
    return old.get(field.removeprefix(OLD)) if field.startswith(OLD) else new.get(field)


def _metadata(record: Any) -> Metadata:
    """Return the metadata of a new flow. Its id is derived from the id of the record."""
    at = datetime.fromtimestamp(float(record["dynamodb"]["ApproximateCreationDateTime"]), UTC)
    event_id = effect_id(f"change/{record['eventID']}", at, os.environ["POWERTOOLS_SERVICE_NAME"], 0)
    root = Metadata.root(producer=os.environ["POWERTOOLS_SERVICE_NAME"], version=_class().contract.version)
    return root.model_copy(update={"event_id": event_id, "correlation_id": event_id, "occurred_at": at})


def _plain(image: dict[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415

    read = TypeDeserializer().deserialize
    return dict(json.loads(json.dumps({name: read(value) for name, value in image.items()}, default=_json)))


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, set | frozenset):
        return sorted(_json(each) for each in value)
    if isinstance(value, str):
        return value
    return base64.b64encode(bytes(value)).decode()  # boto3's Binary


def _class() -> type[Event]:
    (event,) = event_types(EVENT).values()
    return event
