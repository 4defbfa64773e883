"""Records that a mapping gives up: what its on-failure destination is told.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from millrace.local.core.clock import iso_millis
from millrace.local.core.history import references
from millrace.local.services.lambda_.event_source_mappings.readers import Entry, sequence_of
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.services.lambda_.event_source_mappings.stream_poller import StreamPoller

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExpired"]


@dataclass(frozen=True)
class Discarded:
    """A batch that is given up: why, after how many invocations, and how the last of them ended."""

    entries: list[Entry]
    shard_id: str
    info: str
    condition: Condition
    calls: int
    outcome: Outcome | None


def discard(poller: "StreamPoller", given_up: Discarded) -> None:
    """Tell the on-failure destination of a mapping, if it has one."""
    region, mapping = poller.region, poller.mapping
    payload = {"Records": [entry.record for entry in given_up.entries]}
    destination = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
    name = poller.functions.name_of(mapping.function_arn)
    region.record_dead_letter(references(payload), destination or "no destination", name)
    if not destination:
        return
    record = _record(mapping, given_up, region.clock.now())
    folder = f"aws/lambda/{mapping.uuid}/{given_up.shard_id}"
    poller.destinations.send(destination, record, folder=folder, payload=json.dumps(payload))


def _record(mapping: Any, given_up: Discarded, now: float) -> dict[str, Any]:
    first, last = given_up.entries[0], given_up.entries[-1]
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": given_up.outcome.request_id if given_up.outcome else str(uuid.uuid4()),
            "functionArn": mapping.function_arn,
            "condition": given_up.condition,
            "approximateInvokeCount": given_up.calls,
        },
        "version": "1.0",
        "timestamp": iso_millis(now),
        given_up.info: {
            "shardId": given_up.shard_id,
            "startSequenceNumber": sequence_of(first.record),
            "endSequenceNumber": sequence_of(last.record),
            "approximateArrivalOfFirstRecord": iso_millis(first.arrived),
            "approximateArrivalOfLastRecord": iso_millis(last.arrived),
            "batchSize": len(given_up.entries),
            "streamArn": mapping.event_source_arn,
        },
    }
    if given_up.outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
        if given_up.outcome.status == "ok":
            del record["responseContext"]["functionError"]
    return record
