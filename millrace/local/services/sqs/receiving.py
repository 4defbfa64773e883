"""Receiving messages, and moving those that were received too often to the dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

import base64
import copy
import random
from functools import partial
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

from millrace.local.services.sqs.message_store import MessageStore, store_of

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_RECEIPT_LENGTH = 185


def receive(
    region: "AccountRegion",
    queue: Any,
    max_messages: int,
    visibility_timeout: float,
    *,
    max_bytes: float = float("inf"),
    record_overhead: int = 0,
) -> list[Any]:
    """Receive messages and return copies of them.

    Their sizes, each with `record_overhead` bytes added, are at most `max_bytes` in total. Messages that were received
    too often go to the dead-letter queue; messages past the queue's retention period are deleted.
    """
    store, now = store_of(queue), region.clock.now()
    claimed: list[Any] = []
    with store.lock:
        while len(claimed) < max_messages and (message := _next(region, queue, store, after=claimed[-1:])):
            max_bytes -= size(message) + record_overhead
            if claimed and max_bytes < 0:
                break
            store.claim(message)
            claimed.append(message)
        return [_receive(store, message, visibility_timeout, now) for message in claimed]


def _next(region: "AccountRegion", queue: Any, store: MessageStore, after: list[Any]) -> Any | None:
    """Return the next message that may be received, preferably of the same FIFO group as the one before."""
    while message := (store.peek_after(after[0]) if after else None) or store.peek():
        if _is_expired(message, queue, region.clock.now()):
            store.remove(message)
        elif _is_exhausted(message, queue):
            store.remove(message)
            move_to_dead_letter_queue(region, message, queue)
        else:
            return message
    return None


def size(message: Any) -> int:
    """Return the size of body and attributes in bytes, as SQS counts it."""
    attributes = sum(len(name) + sum(map(len, value.values())) for name, value in message.message_attributes.items())
    return len(message.body.encode()) + attributes


def _receive(store: MessageStore, message: Any, visibility_timeout: float, now: float) -> Any:
    message.approximate_first_receive_timestamp = message.approximate_first_receive_timestamp or int(now * 1000)
    message.approximate_receive_count += 1
    message.receipt_handle = "".join(random.choices(ascii_lowercase, k=_RECEIPT_LENGTH))  # noqa: S311 - as moto's
    message.visible_at = (now + visibility_timeout) * 1000
    store.receive(message, message.receipt_handle, message.visible_at)
    return copy.copy(message)


def _is_expired(message: Any, queue: Any, now: float) -> bool:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html."""
    return bool(message.sent_timestamp / 1000 + queue.message_retention_period <= now)


def _is_exhausted(message: Any, queue: Any) -> bool:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html."""
    policy = queue.redrive_policy
    if not policy or queue.dead_letter_queue is None:
        return False
    return bool(message.approximate_receive_count >= policy["maxReceiveCount"])


def move_to_dead_letter_queue(region: "AccountRegion", message: Any, queue: Any) -> None:
    """Move a message, which is no longer in its queue, to the queue's dead-letter queue."""
    message.system_attributes["DeadLetterQueueSourceArn"] = queue.queue_arn
    message.millrace_redriven = True
    message.visible_at = message.delayed_until = 0.0
    queue.dead_letter_queue.add_message(message)
    for listener in region.source_listeners:
        arns = queue.queue_arn, queue.dead_letter_queue.queue_arn
        region.scheduler.soon(partial(listener.moved_to_dead_letter_queue, message, *arns), "dead letter")


def record(message: Any, queue: Any) -> dict[str, Any]:
    """Return the record of a message in Lambda's event.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
    """
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id if queue.fifo_queue else None,
        "SequenceNumber": message.sequence_number,
        **{name: _system_attribute(value) for name, value in message.system_attributes.items()},
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messageAttributes": {name: _message_attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        **({"md5OfMessageAttributes": message.attribute_md5} if message.message_attributes else {}),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }


def _system_attribute(value: Any) -> Any:
    """Return a plain value. A sender's attribute has a type and a value; the local cloud's own is plain."""
    return value.get("StringValue") if isinstance(value, dict) else value


def _message_attribute(value: dict[str, Any]) -> dict[str, Any]:
    parts = {name[0].lower() + name[1:]: _text(part) for name, part in value.items()}
    return {**parts, "stringListValues": [], "binaryListValues": []}


def _text(part: Any) -> Any:
    return base64.b64encode(part).decode() if isinstance(part, bytes) else part
