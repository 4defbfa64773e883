"""Messages as Lambda receives them."""

from typing import Any


def record(message: Any, queue: Any) -> dict[str, Any]:
    """A message as Lambda hands it to a function.

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
        **{name: _plain(value) for name, value in message.system_attributes.items()},
    }
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.queue_arn,
        "awsRegion": queue.region,
    }


def _plain(value: Any) -> Any:
    """A system attribute as it was sent, an object of type and value, or as the plane set it."""
    return value.get("StringValue") if isinstance(value, dict) else value


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: part for name, part in value.items()}


def next_visible(queue: Any) -> float | None:
    """The moment at which the next message of a queue can be received; None if no time will bring one."""
    moment = queue._messages.next_visible()  # noqa: SLF001 - moto's
    return None if moment is None else moment / 1000
