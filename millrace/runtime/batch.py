"""What a function is handed, an event at a time: one by a rule, or a batch by a queue or a stream."""

import base64
import json
from collections.abc import Callable
from typing import Any

from millrace.runtime.requeue import DependencyUnavailableError, put_back

MAX_RECORDED = 100
"""Events of a list that are recorded as handled in one transaction, so all or none of them are.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""
Handle = Callable[[dict[str, Any], int], None]


def each_event(payload: Any, context: Any, handle: Handle) -> Any:
    """Call `handle(envelope, attempt)` for each event; answer with those for which it raised, as their source asks.

    Where a rule calls by itself, there is one, and what it raises is let through.
    """
    if not is_batch(payload):
        return handle(payload, 1)
    if is_ordered(payload):
        return _in_order(payload["Records"], handle)
    return _each_message(payload, context, handle)


def is_batch(payload: Any) -> bool:
    """Whether a queue or a stream hands this out; whoever may invoke a function may hand it anything."""
    records = payload.get("Records") if isinstance(payload, dict) else None
    return isinstance(records, list) and bool(records) and (all(map(_is_sent, records)) or all(map(_is_put, records)))


def is_ordered(payload: Any) -> bool:
    """Whether a stream hands this out: an event is tried again at once, and no other delivery comes between."""
    return is_batch(payload) and _is_put(payload["Records"][0])


def _is_sent(record: Any) -> bool:
    """Whether it is a message of a queue."""
    told = [record.get(name) for name in ("body", "messageId")] if isinstance(record, dict) else [None]
    return all(isinstance(each, str) for each in told) and isinstance(record.get("attributes", {}), dict)


def _is_put(record: Any) -> bool:
    """Whether it is a record of a stream."""
    told = record.get("kinesis") if isinstance(record, dict) else None
    return isinstance(told, dict) and all(isinstance(told.get(name), str) for name in ("data", "sequenceNumber"))


def all_events(
    records: list[Any], handle: Callable[[list[dict[str, Any]], int], None], at_once: int = MAX_RECORDED
) -> dict[str, Any]:
    """Call `handle(envelopes, attempt)` for a batch, `at_once` records a call; each call fails or succeeds as a whole.

    A stream's batch that fails is let through, so that Lambda halves it.
    """
    calls = [records[start : start + at_once] for start in range(0, len(records), at_once)]
    failed = [record for some in calls if not _handled(some, handle) for record in some]
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}


def _handled(records: list[Any], handle: Callable[[list[dict[str, Any]], int], None]) -> bool:
    try:
        _or_wait(records, lambda: handle([_envelope(record) for record in records], _attempt(records[0])))
    except Exception:
        if "kinesis" in records[0]:
            raise
        return False
    return True


def _envelope(record: Any) -> Any:
    """The envelope that a record carries, or the text in its place; of Lambda's record of a failure, what failed."""
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
        return data  # no base64, and so from no stream


def _attempt(record: Any) -> int:
    """How often a queue has handed out this record, from 1; a stream does not count."""
    return int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))


def _each_message(payload: dict[str, Any], context: Any, handle: Handle) -> Any:
    """By Powertools. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html."""
    from aws_lambda_powertools.utilities.batch import (  # noqa: PLC0415 - only a queue needs it
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    return process_partial_response(
        event=payload,
        record_handler=lambda record: _or_wait([record], lambda: handle(_envelope(record), _attempt(record))),
        processor=BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False),
        context=context,
    )


def _or_wait(records: list[Any], handled: Callable[[], None]) -> None:
    """Put the messages back whose event is to wait; they count as handled."""
    try:
        handled()
    except DependencyUnavailableError as waits:
        for record in records:
            put_back(record, waits)


def _in_order(records: list[Any], handle: Handle) -> dict[str, Any]:
    """Stop at the first record that fails, as Powertools' processor would not: those behind it must not overtake it.

    Lambda hands out again from the record on that the answer names. Where that is the first of several, raising has
    the batch halved, which uses up no retry, until the record stands alone and is given up alone.
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
