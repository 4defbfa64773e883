"""The function between an event store and its bus: what was appended is published, then it gets its position.

It reads the stream of the store's table, at least once: an event may be published again, with the same id. Called
with anything else it publishes all that is pending, whatever has become of the stream's records.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from collections.abc import Iterable
from functools import cache
from itertools import islice
from typing import Any

from millrace.runtime.claims import claimed
from millrace.runtime.observe import logger
from millrace.runtime.publisher import publisher
from millrace.runtime.stores import named_in
from millrace.runtime.streams import Stored, Streams

STORE = "MILLRACE_STORE"
"""The environment variable that holds the store's address."""
_AT_ONCE = 100


def handler(payload: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's own signature
    """Publish the events of a batch of the table's stream, or all pending ones. Raises what goes wrong: all again."""
    if "Records" in payload:
        return {"published": _relay(_stored(record) for record in payload["Records"])}
    pending, published = _streams().pending(), 0
    while found := list(islice(pending, _AT_ONCE)):
        published += _relay(found)
    return {"published": published}


def _relay(events: Iterable[Stored]) -> int:
    ordered = _in_order(list(events))
    publisher().publish([claimed(_streams().whole(event)) for event in ordered])
    _streams().place(ordered)
    logger().info("events relayed", extra={"published": len(ordered), "streams": len({e.stream for e in ordered})})
    return len(ordered)


def _in_order(events: list[Stored]) -> list[Stored]:
    """The events of a stream in the order of their versions: what one transaction wrote may come in any."""
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
    return Streams.at(named_in(STORE, "store"))
