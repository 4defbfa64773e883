"""Dead letters: list, redrive and purge the messages of all dead-letter queues of the stacks.

Each origin of dead letters is a class. `ORIGINS` lists them; the first that matches a message is its origin.
"""

import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from millrace.operations import UsageError
from millrace.operations.cloud import Cloud
from millrace.operations.dead_letters.dead_letter import (
    DeadLetter,
    DeadLetterQueue,
    Message,
    NotRedrivableError,
    Origin,
)
from millrace.operations.dead_letters.eventbridge import Bus, RuleTarget, Undeclared
from millrace.operations.dead_letters.executions import Execution, failed_executions
from millrace.operations.dead_letters.functions import Invocation, Quarantine, Queue, Relay, StreamRecord
from millrace.operations.deployed import DeployedStacks
from millrace.operations.history import Record, reference
from millrace.operations.logs import local_records, records_in

__all__ = ["DeadLetter", "NotRedrivableError", "Origin"]

_BATCH = 10
_READERS = 8
_READ_SECONDS = 60
_CHANGE_SECONDS = 300
"""How long a redrive or purge hides its dead letters from other readers."""


class Unknown(Origin):
    """A message that no other origin matches."""

    name = "unknown"

    def matches(self, message: Message) -> bool:
        """Every message."""
        return True

    def redrive(self, deployed: DeployedStacks, dead_letter: DeadLetter) -> str:
        """Refuse."""
        raise NotRedrivableError(f"its origin is unknown: look at it with millrace dlq show {dead_letter.id}")


ORIGINS: tuple[type[Origin], ...] = (
    RuleTarget,
    Queue,
    Invocation,
    Execution,
    StreamRecord,
    Relay,
    Quarantine,
    Undeclared,
    Bus,
    Unknown,
)


def look(deployed: DeployedStacks, owner: str | None) -> list[DeadLetter]:
    """Every dead letter, or those of one processor, mediator or bus, oldest first. Other readers see them, too."""
    messages = receive(deployed, owner, _READ_SECONDS)
    release(deployed, messages)
    return sorted([*messages, *failed_executions(deployed, owner, messages)], key=lambda each: each.sent)


def take(deployed: DeployedStacks, owner: str | None, ids: Sequence[str]) -> list[DeadLetter]:
    """The dead letters with these ids, or all. They are hidden from other readers until they are released."""
    messages = receive(deployed, owner, _CHANGE_SECONDS)
    found = [*messages, *failed_executions(deployed, owner, messages)]
    try:
        chosen = with_ids(found, ids) if ids else found
    except UsageError:
        release(deployed, messages)
        raise
    release(deployed, [each for each in messages if each not in chosen])
    return chosen


def with_ids(dead_letters: Sequence[DeadLetter], ids: Sequence[str]) -> list[DeadLetter]:
    """The dead letters whose ids begin with the given ones, each of which must be unique."""
    chosen = []
    for given in ids:
        found = [each for each in dead_letters if each.id.startswith(given)]
        if len(found) != 1:
            count = len(found) or "No"
            raise UsageError(f"{count} dead letters have an id that begins with {given!r}. See millrace dlq list.")
        chosen += found
    return chosen


def receive(deployed: DeployedStacks, owner: str | None, seconds: int) -> list[DeadLetter]:
    """The messages of all dead-letter queues, or of one owner's, oldest first. They are hidden for some seconds."""
    known = deployed.of_kind("dead-letters", "SQS::Queue")
    queues = [DeadLetterQueue(deployed.name(each), each.facts["of"], each.facts["construct"]) for each in known]
    chosen = [queue for queue in queues if owner in (None, queue.owner)]
    sqs = deployed.cloud.client("sqs")
    wait = 0 if deployed.cloud.is_local else 1
    with ThreadPoolExecutor(_READERS) as readers:
        read = readers.map(lambda queue: [(queue, each) for each in _messages(sqs, queue, wait, seconds)], chosen)
        found = [read_dead_letter(deployed.cloud, queue, message) for each in read for queue, message in each]
    return sorted(found, key=lambda each: each.sent)


def _messages(sqs: Any, queue: DeadLetterQueue, wait: int, seconds: int) -> Iterator[Message]:
    """Receive until a queue returns nothing new. Only long polling queries all of SQS's servers."""
    seen: set[str] = set()
    while True:
        response = sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=_BATCH,
            VisibilityTimeout=seconds,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        new = [
            Message.of(each, queue.account) for each in response.get("Messages", []) if each["MessageId"] not in seen
        ]
        if not new:
            return
        seen |= {message.id for message in new}
        yield from new


def read_dead_letter(cloud: Cloud, queue: DeadLetterQueue, message: Message) -> DeadLetter:
    """The dead letter that a message is."""
    origin = next(each for each in (origin() for origin in ORIGINS) if each.matches(message))
    body = origin.content(message, cloud)
    event, failure = reference(origin.envelope(body)), origin.failure(message, body)
    return DeadLetter(
        id=message.id,
        of=queue.owner,
        construct=queue.construct,
        origin=origin,
        sent=message.sent,
        event=event.event if event else "",
        event_id=event.event_id if event else "",
        correlation_id=event.correlation_id if event else "",
        cause=failure.cause,
        attempts=failure.attempts,
        body=body,
        attributes=message.attributes,
        url=queue.url,
        receipt=message.receipt,
        text=message.text,
    )


def release(deployed: DeployedStacks, dead_letters: Sequence[DeadLetter]) -> None:
    """Make dead letters visible to other readers again."""
    sqs = deployed.cloud.client("sqs")
    messages = [each for each in dead_letters if each.is_message]
    for url in {each.url for each in messages}:
        receipts = [each.receipt for each in messages if each.url == url]
        for start in range(0, len(receipts), _BATCH):
            batch = enumerate(receipts[start : start + _BATCH])
            entries = [{"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": 0} for n, receipt in batch]
            sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)


def redrive(
    deployed: DeployedStacks, dead_letters: Sequence[DeadLetter], rate: float | None
) -> Generator[dict[str, str], None, None]:
    """Redrive dead letters one by one, at most `rate` a second, and delete each that its destination has accepted.

    Yields the outcome of each as JSON-ready data. If the caller stops early, the others are released.
    """
    done = 0
    try:
        for dead_letter in paced(dead_letters, rate):
            outcome = _redrive_one(deployed, dead_letter)
            done += 1
            yield outcome
    finally:
        release(deployed, dead_letters[done:])


def _redrive_one(deployed: DeployedStacks, dead_letter: DeadLetter) -> dict[str, str]:
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as boto3

    try:
        destination = dead_letter.origin.redrive(deployed, dead_letter)
    except (NotRedrivableError, ClientError) as error:
        release(deployed, [dead_letter])
        return {"id": dead_letter.id, "error": str(error)}
    _delete(deployed, dead_letter)
    return {"id": dead_letter.id, "to": destination}


def paced(dead_letters: Sequence[DeadLetter], rate: float | None) -> Iterator[DeadLetter]:
    """The dead letters, at most `rate` a second."""
    began = time.monotonic()
    for number, dead_letter in enumerate(dead_letters):
        if rate:
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        yield dead_letter


def purge(deployed: DeployedStacks, dead_letters: Sequence[DeadLetter]) -> None:
    """Delete dead letters for good."""
    for dead_letter in dead_letters:
        dead_letter.origin.purge(deployed, dead_letter)
        _delete(deployed, dead_letter)


def _delete(deployed: DeployedStacks, dead_letter: DeadLetter) -> None:
    if dead_letter.is_message:
        deployed.cloud.client("sqs").delete_message(QueueUrl=dead_letter.url, ReceiptHandle=dead_letter.receipt)


def explained(deployed: DeployedStacks, dead_letter: DeadLetter) -> DeadLetter:
    """The dead letter with the error that the function has logged, if the message itself does not report a cause."""
    if dead_letter.cause or not dead_letter.correlation_id:
        return dead_letter
    functions = deployed.functions_of(dead_letter.construct)
    names = {function.facts["function"] for function in functions}
    errors = [
        record.more["error"]
        for record in _records(deployed, dead_letter.correlation_id, deployed.log_groups(functions))
        if record.kind == "attempt" and record.event_id == dead_letter.event_id and record.name in names
        if record.more.get("error")
    ]
    return replace(dead_letter, cause=errors[-1], attempts=len(errors)) if errors else dead_letter


def _records(deployed: DeployedStacks, correlation_id: str, groups: list[str]) -> list[Record]:
    if deployed.cloud.is_local:
        return local_records(deployed.cloud, correlation_id)
    return list(records_in(deployed.cloud.client("logs"), groups, correlation_id))
