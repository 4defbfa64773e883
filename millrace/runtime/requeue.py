"""How an event waits in its queue for something that is away.

SQS counts each time that a message is received, and there is no handing it back uncounted. So the event is put into its
queue again, as a new message that is not delivered before its time, and the received one counts as handled. A crash
between the two leaves both: a duplicate, never a loss.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
"""

import math
import os
import random
import time
from functools import cache
from typing import Any

QUEUE = "MILLRACE_QUEUE"
"""The environment variable with the URL of the queue in which a function's events wait."""
LONGEST_DELAY = 900
"""Seconds: the most that SQS gives."""
_SINCE = "WaitingSince"


class DependencyUnavailableError(Exception):
    """What a handler depends on is away: its event is to wait, for `max_wait` seconds in all, and then to fail."""

    def __init__(self, why: str, *, seconds: float, max_wait: float) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.max_wait = max_wait


def put_back(record: Any, waits: DependencyUnavailableError) -> None:
    """Let the event of a record wait in its queue; raise what it waits for, if it has done so for long enough."""
    since = _waiting_since(record)
    waited = time.time() - since
    if waited > waits.max_wait:
        raise waits
    _queues().send_message(
        QueueUrl=_queue(),
        MessageBody=record["body"],
        DelaySeconds=_delay(waits.seconds, waited),
        MessageAttributes={_SINCE: {"DataType": "Number", "StringValue": f"{since:.3f}"}},
    )


def _delay(seconds: float, waited: float) -> int:
    """Longer, the longer it has waited: what waits by the thousand should not look every few seconds."""
    longer = waited * random.uniform(0.25, 0.5)  # noqa: S311 - jitter is no secret
    return min(LONGEST_DELAY, math.ceil(max(seconds, longer)))


def _waiting_since(record: Any) -> float:
    known = record.get("messageAttributes", {}).get(_SINCE)
    return float(known["stringValue"]) if known else int(record["attributes"]["SentTimestamp"]) / 1000


def _queue() -> str:
    if QUEUE not in os.environ:
        raise LookupError(f"{QUEUE} is not set: the construct of a handler whose events may wait sets it.")
    return os.environ[QUEUE]


@cache
def _queues() -> Any:
    import boto3  # noqa: PLC0415 - only an event that waits needs it

    return boto3.client("sqs")
