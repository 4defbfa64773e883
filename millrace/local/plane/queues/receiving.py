"""Messages received: who gets them, for how long, and which of them go to the dead-letter queue instead.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

import copy
import random
from collections.abc import Callable
from string import ascii_lowercase
from typing import Any

from millrace.local.plane.queues.shelf import Shelf

_HANDLE_LENGTH = 185
Bury = Callable[[Any, Any], None]


def receive(
    queue: Any, most: int, visibility: float, *, now: float, bury: Bury, room: float = float("inf"), extra: int = 0
) -> list[Any]:
    """Lend up to `most` messages for `visibility` seconds. Gives copies of them.

    All of them together have up to `room` bytes, each `extra` ones beyond its own. A message that has been received
    too often is handed to `bury` with its queue; one past its retention is dropped.
    """
    shelf: Shelf = queue._messages  # noqa: SLF001 - moto's
    lent: dict[str, Any] = {}
    with shelf.lock:
        message = _next(shelf, queue, now, bury)
        while message is not None and len(lent) < most and message.id not in lent:
            room -= size(message) + extra
            if lent and room < 0:
                break
            lent[message.id] = _lend(shelf, message, visibility, now)
            message = _next(shelf, queue, now, bury, after=message)
    return list(lent.values())


def _next(shelf: Shelf, queue: Any, now: float, bury: Bury, after: Any = None) -> Any | None:
    """The next message that may be lent, past those that are not to be received any more."""
    while True:
        message = (shelf.after(after) if after else None) or shelf.take()
        if message is None:
            return None
        if _is_past(message, queue, now):
            shelf.remove(message)
        elif _is_exhausted(message, queue):
            shelf.remove(message)
            bury(message, queue)
        else:
            return message


def size(message: Any) -> int:
    """The size of a message in bytes, as SQS reckons it: body and attributes."""
    attributes = sum(len(name) + sum(map(len, value.values())) for name, value in message.message_attributes.items())
    return len(message.body.encode()) + attributes


def _lend(shelf: Shelf, message: Any, visibility: float, now: float) -> Any:
    message.approximate_first_receive_timestamp = message.approximate_first_receive_timestamp or int(now * 1000)
    message.approximate_receive_count += 1
    message.receipt_handle = "".join(random.choices(ascii_lowercase, k=_HANDLE_LENGTH))  # noqa: S311 - as moto's
    message.visible_at = (now + visibility) * 1000
    shelf.lend(message, message.receipt_handle, message.visible_at)
    return copy.copy(message)


def _is_past(message: Any, queue: Any, now: float) -> bool:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html."""
    return bool(message.sent_timestamp / 1000 + queue.message_retention_period <= now)


def _is_exhausted(message: Any, queue: Any) -> bool:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html."""
    policy = queue.redrive_policy
    if not policy or queue.dead_letter_queue is None:
        return False
    return bool(message.approximate_receive_count >= policy["maxReceiveCount"])
