"""Payloads of a function: one event of a rule, or a batch of a queue or stream."""

import base64
import json
from collections.abc import Callable
from typing import Any

from millrace.runtime.observe import logger
from millrace.runtime.requeue import DependencyUnavailableError, requeue

MAX_RECORDED = 100
"""Maximum events of a list. They are recorded as handled in one transaction, all or none.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""
Handle = Callable[[dict[str, Any], int], None]


def each_event(payload: Any, context: Any, handle: Handle) -> Any:
    """Call `handle(envelope, attempt)` for each event. Returns the batch item failures of a queue or stream.

    A rule delivers one event; its exception is raised.
    """
    if not is_batch(payload):
        return handle(payload, 1)
    if is_ordered(payload):
        return _in_order(payload["Records"], handle)
    return _each_message(payload, context, handle)


def batch_or_each(
    payload: Any, context: Any, handle_batch: Callable[[list[tuple[dict[str, Any], int]]], None], handle: Handle
) -> Any:
    """Call `handle_batch` with the events and attempts of a batch. If it fails, call `handle` for each event.

    `handle_batch` must be safe to repeat. The event that made it fail fails again, alone.
    """
    records = payload["Records"] if is_batch(payload) else []
    if len(records) > 1:
        try:
            handle_batch([(_envelope(record), _attempt(record)) for record in records])
        except Exception as error:  # noqa: BLE001 - `handle` raises it again for its event
            logger().warning("The batch failed. Each event is handled alone.", exc_info=error)
        else:
            return {"batchItemFailures": []}
    return each_event(payload, context, handle)


def is_batch(payload: Any) -> bool:
    """Whether a payload is a batch of a queue or stream. A function can be invoked with any payload."""
    records = payload.get("Records") if isinstance(payload, dict) else None
    return (
        isinstance(records, list)
        and bool(records)
        and (all(map(_is_message, records)) or all(map(_is_stream_record, records)))
    )


def is_ordered(payload: Any) -> bool:
    """Whether a payload is a batch of a stream, which retries an event before it delivers the next one."""
    return is_batch(payload) and _is_stream_record(payload["Records"][0])


def _is_message(record: Any) -> bool:
    """Whether it is an SQS message."""
    values = [record.get(name) for name in ("body", "messageId")] if isinstance(record, dict) else [None]
    return all(isinstance(each, str) for each in values) and isinstance(record.get("attributes", {}), dict)


def _is_stream_record(record: Any) -> bool:
    """Whether it is a Kinesis record."""
    data = record.get("kinesis") if isinstance(record, dict) else None
    return isinstance(data, dict) and all(isinstance(data.get(name), str) for name in ("data", "sequenceNumber"))


def all_events(
    records: list[Any], handle: Callable[[list[dict[str, Any]], int], None], size: int = MAX_RECORDED
) -> dict[str, Any]:
    """Call `handle(envelopes, attempt)` with up to `size` records. Each call fails or succeeds as a whole.

    The exception of a stream's batch is raised, so that Lambda bisects the batch.
    """
    calls = [records[start : start + size] for start in range(0, len(records), size)]
    failed = [record for some in calls if not _handled(some, handle) for record in some]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def _handled(records: list[Any], handle: Callable[[list[dict[str, Any]], int], None]) -> bool:
    try:
        _or_requeue(records, lambda: handle([_envelope(record) for record in records], _attempt(records[0])))
    except Exception:
        if "kinesis" in records[0]:
            raise
        return False
    return True


def _envelope(record: Any) -> Any:
    """Return the envelope of a record, or of the failed invocation that it reports; its text if that is not JSON."""
    text = record["body"] if "body" in record else _decoded(record["kinesis"]["data"])
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return content.get("requestPayload", content) if isinstance(content, dict) else content


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data).decode(errors="replace")
    except ValueError:
        return data  # not base64, so not from a stream


def _attempt(record: Any) -> int:
    """Return the receive count of a message, from 1. A stream does not count."""
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _each_message(payload: dict[str, Any], context: Any, handle: Handle) -> Any:
    """Use the batch processor of Powertools. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html."""
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415 - only a queue needs it
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    return process_partial_response(
        event=payload,
        record_handler=lambda record: _or_requeue([record], lambda: handle(_envelope(record), _attempt(record))),
        processor=BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False),
        context=context,
    )


def _or_requeue(records: list[Any], handle: Callable[[], None]) -> None:
    """Requeue messages whose dependency is unavailable. They count as handled."""
    try:
        handle()
    except DependencyUnavailableError as unavailable:
        for record in records:
            requeue(record, unavailable)


def _in_order(records: list[Any], handle: Handle) -> dict[str, Any]:
    """Stop at the first record that fails, so that later records do not overtake it. Powertools would continue.

    Lambda retries from the record in the response. If that is the first of several, an exception makes Lambda bisect
    the batch, which uses no retry, until the record is alone and can go to the on-failure destination alone.
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    for number, record in enumerate(records):
        try:
            handle(_envelope(record), _attempt(record))
        except Exception:
            if number == 0 and len(records) > 1:
                raise
            return {"batchItemFailures": [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]}
    return {"batchItemFailures": []}
