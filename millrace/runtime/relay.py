"""The Lambda function between an event store and its bus: it publishes appended events, then assigns their positions.

It reads the stream of the store's table at least once, so an event can be published again, with the same id. With any
other payload it publishes all pending events, whether or not the records of the stream still exist.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Any

from millrace.runtime.claims import claimed
from millrace.runtime.observe import logger
from millrace.runtime.priming import prime
from millrace.runtime.publisher import publisher
from millrace.runtime.stores import resource_name
from millrace.runtime.streams import Stored, Streams

STORE = "MILLRACE_STORE"
"""The environment variable with the address of the store."""
_BATCH = 100


prime()


def handler(payload: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's own signature
    """Publish the events of a batch of the stream, or all pending ones. An error fails the batch."""
    if "Records" in payload:
        return {"published": _relay(_stored(record) for record in payload["Records"])}
    pending, published = _streams().pending(), 0
    while found := list(islice(pending, _BATCH)):
        published += _relay(found)
    return {"published": published}


def _relay(events: Iterable[Stored]) -> int:
    ordered = _in_order(list(events))
    publisher().publish([claimed(_streams().with_data(event)) for event in ordered])
    _streams().assign_positions(ordered)
    logger().info("events relayed", extra={"published": len(ordered), "streams": len({e.stream for e in ordered})})
    return len(ordered)


def _in_order(events: list[Stored]) -> list[Stored]:
    """Order the events of each stream by version: those of one transaction arrive in any order."""
    versions: dict[str, list[Stored]] = {}
    for event in sorted(events, key=lambda event: event.version, reverse=True):
        versions.setdefault(event.stream, []).append(event)
    return [versions[event.stream].pop() for event in events]


def _stored(record: Any) -> Stored:
    from boto3.dynamodb.types import TypeDeserializer  # noqa: PLC0415

    read = TypeDeserializer().deserialize
    return Stored.of({name: read(value) for name, value in record["dynamodb"]["NewImage"].items()})


@cache
def _streams() -> Streams:
    return Streams.at(resource_name(STORE, "store"))
