"""The function that publishes an event for an event of S3.

S3 delivers an event at least once; the same event is published with the same id.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
"""

import os
from datetime import datetime
from typing import Any

from millrace.events import Event, Metadata, encode
from millrace.events.ids import effect_id
from millrace.runtime.claims import claimed
from millrace.runtime.environment import event_types
from millrace.runtime.observe import logger
from millrace.runtime.priming import prime
from millrace.runtime.publisher import publisher

EVENT = "MILLRACE_OBJECT_EVENT"
"""The environment variable that names the event's class, as `module:Name`."""
FIELDS = ("bucket", "key", "size", "etag", "version_id", "reason", "deletion_type", "requester")
"""What an event can have as fields."""


prime()


def handler(envelope: dict[str, Any], context: Any) -> None:  # noqa: ARG001 - Lambda's own signature
    """Publish the event of one S3 event. Raises ContractError for one that does not fit."""
    (event_type,) = event_types(EVENT).values()
    event = _event(envelope, event_type)
    publisher().publish([claimed(encode(event))])
    logger().info("object event published", extra={"event_id": event.metadata.event_id})


def _event(envelope: dict[str, Any], event: type[Event]) -> Event:
    fields = _fields(envelope["detail"])
    known = {name: fields[name] for name in event.model_fields if fields.get(name) is not None}
    return event.read(known).stamped(_metadata(envelope, event.contract.version))


def _fields(detail: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""
    described = {name.replace("-", "_"): value for name, value in {**detail, **detail["object"]}.items()}
    return described | {"bucket": detail["bucket"]["name"]}


def _metadata(envelope: dict[str, Any], version: int) -> Metadata:
    """It starts a flow, under an id that follows from the object's version in the order of its key."""
    producer, described = os.environ["POWERTOOLS_SERVICE_NAME"], envelope["detail"]["object"]
    at = datetime.fromisoformat(envelope["time"])
    name = f"object/{envelope['detail']['bucket']['name']}/{described['key']}/{described['sequencer']}"
    event_id = effect_id(f"{name}/{envelope['detail-type']}", at, producer, 0)
    root = Metadata.root(producer=producer, version=version)
    return root.model_copy(update={"event_id": event_id, "correlation_id": event_id, "occurred_at": at})
