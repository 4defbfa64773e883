"""Requeue an event while a dependency of its handler is unavailable.

SQS counts every receive of a message, and a message cannot be returned without that. So the event is sent to its queue
again, as a new message with a delay, and the received message counts as handled. A crash between the two can duplicate
an event but never lose it.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
"""

import math
import random
import time
from typing import Any

from millrace.runtime.environment import client, required

QUEUE = "MILLRACE_QUEUE"
"""The environment variable with the URL of the function's queue."""
LONGEST_DELAY = 900
"""The maximum delay of an SQS message, in seconds."""
_SINCE = "WaitingSince"


class DependencyUnavailableError(Exception):
    """A dependency of the handler is unavailable. Requeue its event for up to `max_wait` seconds, then fail."""

    def __init__(self, message: str, *, seconds: float, max_wait: float) -> None:
        super().__init__(message)
        self.seconds = seconds
        self.max_wait = max_wait


def requeue(record: Any, unavailable: DependencyUnavailableError) -> None:
    """Send the event of a record to its queue again, with a delay. Raises the error after `max_wait` seconds."""
    since = _waiting_since(record)
    waited = time.time() - since
    if waited > unavailable.max_wait:
        raise unavailable
    client("sqs").send_message(
        QueueUrl=required(QUEUE, "the construct of a handler with a circuit breaker sets it."),
        MessageBody=record["body"],
        DelaySeconds=_delay(unavailable.seconds, waited),
        MessageAttributes={_SINCE: {"DataType": "Number", "StringValue": f"{since:.3f}"}},
    )


def _delay(seconds: float, waited: float) -> int:
    """Return the delay, which grows with the time waited: thousands of events must not return every few seconds."""
    longer = waited * random.uniform(0.25, 0.5)  # noqa: S311 - jitter is no secret
    return min(LONGEST_DELAY, math.ceil(max(seconds, longer)))


def _waiting_since(record: Any) -> float:
    known = record.get("messageAttributes", {}).get(_SINCE)
    return float(known["stringValue"]) if known else int(record["attributes"]["SentTimestamp"]) / 1000
