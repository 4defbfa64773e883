"""Message-move tasks, which redrive a dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.services.sqs.message_store import store_of

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

MAX_PER_SECOND = 500
MAX_LISTED = 10
_BATCH = 500
_INVALID = "InvalidParameterValue"
_ONLY_ONE = "There is already a task running. Only one active task is allowed for a source queue arn at a given time."


@dataclass(eq=False)
class Move:
    """A task and its progress. `rate` is in messages per second; None for the system's choice."""

    task_id: str
    source: str
    destination: str | None
    rate: int | None
    started: float
    to_move: int
    moved: int = 0
    status: str = "RUNNING"
    failure: str | None = None

    @property
    def handle(self) -> str:
        """The task handle that CancelMessageMoveTask takes."""
        return base64.b64encode(json.dumps({"taskId": self.task_id, "sourceArn": self.source}).encode()).decode()

    @property
    def active(self) -> bool:
        """Whether it moves messages or is being cancelled."""
        return self.status in ("RUNNING", "CANCELLING")

    def as_result(self) -> dict[str, Any]:
        """Return the task as ListMessageMoveTasks lists it."""
        result = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source,
            "DestinationArn": self.destination,
            "MaxNumberOfMessagesPerSecond": self.rate,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": int(self.started * 1000),
        }
        return {name: value for name, value in result.items() if value is not None}


class MessageMoves:
    """Starts, lists and cancels tasks. A task with a rate runs one step per second on the scheduler."""

    def __init__(self, region: "AccountRegion", find_queue: Callable[[str], Any]) -> None:
        self._region = region
        self._find_queue = find_queue
        self._moves: list[Move] = []
        self.answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "AmazonSQS.StartMessageMoveTask": self.start,
            "AmazonSQS.ListMessageMoveTasks": self._list,
            "AmazonSQS.CancelMessageMoveTask": self._cancel,
        }

    def reset(self) -> None:
        """Drop every task."""
        self._moves.clear()

    def start(self, given: dict[str, Any]) -> dict[str, Any]:
        """Start a task. Raises ApiError."""
        source = self._queue(given, "SourceArn")
        self._check(given, source)
        move = Move(
            task_id=str(uuid.uuid4()),
            source=source.queue_arn,
            destination=given.get("DestinationArn"),
            rate=given.get("MaxNumberOfMessagesPerSecond"),
            started=self._region.clock.now(),
            to_move=store_of(source).counts()[0],
        )
        self._moves.insert(0, move)
        self._schedule(move, 0.0)
        return {"TaskHandle": move.handle}

    def _check(self, given: dict[str, Any], source: Any) -> None:
        _check_range(given, "MaxNumberOfMessagesPerSecond", MAX_PER_SECOND)
        if not any(queue.dead_letter_queue is source for queue in self._region.backends.sqs.queues.values()):
            raise ApiError(_INVALID, "Source queue must be configured as a Dead Letter Queue.")
        if given.get("DestinationArn") and self._queue(given, "DestinationArn").fifo_queue != source.fifo_queue:
            raise ApiError(_INVALID, "The source queue and destination queue must be of the same queue type.")
        if any(move.active and move.source == source.queue_arn for move in self._moves):
            raise ApiError(_INVALID, _ONLY_ONE)

    def _queue(self, given: dict[str, Any], name: str) -> Any:
        try:
            return self._find_queue(given.get(name, ""))
        except LookupError as error:
            name = name[0].upper() + name[1:]
            message = f"The resource that you specified for the {name} parameter doesn't exist."
            raise ApiError("ResourceNotFoundException", message, 404) from error

    def _list(self, given: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html."""
        source, limit = self._queue(given, "SourceArn"), given.get("MaxResults", 1)
        _check_range(given, "MaxResults", MAX_LISTED)
        return {"Results": [move.as_result() for move in self._moves if move.source == source.queue_arn][:limit]}

    def _cancel(self, given: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CancelMessageMoveTask.html."""
        self._queue(_content_of(given.get("TaskHandle")), "sourceArn")
        move = next((move for move in self._moves if move.handle == given.get("TaskHandle")), None)
        if move is None:
            raise ApiError("ResourceNotFoundException", "Task does not exist.", 404)
        if move.status != "RUNNING":
            raise ApiError(_INVALID, "Only active tasks can be cancelled.")
        move.status = "CANCELLING"
        return {"ApproximateNumberOfMessagesMoved": move.moved}

    def _schedule(self, move: Move, pause: float) -> None:
        self._region.scheduler.after(pause, lambda: self._step(move), f"redrive of {move.source.rpartition(':')[2]}")

    def _step(self, move: Move) -> None:
        if move.status == "CANCELLING":
            move.status = "CANCELLED"
            return
        try:
            more = self._move_some(move)
        except LookupError as error:
            move.status, move.failure = "FAILED", str(error.args[0])
            return
        if more:
            self._schedule(move, 1.0 if move.rate else 0.0)
        else:
            move.status = "COMPLETED"

    def _move_some(self, move: Move) -> bool:
        """Move the messages of one step. Return whether messages are left."""
        store = store_of(self._find_queue(move.source))
        for _ in range(move.rate or _BATCH):
            with store.lock:
                message = store.peek()
                if message is None or move.moved >= move.to_move:
                    return False
                target = self._target(move, message)
                store.remove(message)
            target.add_message(self._new_message(message))
            move.moved += 1
        return bool(move.moved < move.to_move)

    def _target(self, move: Move, message: Any) -> Any:
        arn = move.destination or message.system_attributes.get("DeadLetterQueueSourceArn")
        if not arn:
            raise LookupError("CouldNotDetermineMessageSource")
        try:
            return self._find_queue(arn)
        except LookupError as error:
            raise LookupError("AWS.SimpleQueueService.NonExistentQueue") from error

    def _new_message(self, message: Any) -> Any:
        """Return a copy with a new id and enqueue time, as SQS redrives messages as new ones.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
        """
        from moto.sqs.models import Message

        attributes = {n: v for n, v in message.system_attributes.items() if n != "DeadLetterQueueSourceArn"}
        new = Message(str(uuid.uuid4()), message.body, attributes)
        new.message_attributes = message.message_attributes
        new.group_id, new.deduplication_id = message.group_id, message.deduplication_id
        new.sent_timestamp = int(self._region.clock.now() * 1000)
        new.millrace_redriven = True
        return new


def _check_range(given: dict[str, Any], name: str, largest: int) -> None:
    value = given.get(name)
    if value is not None and not 1 <= value <= largest:
        reason = f"Must be between 1 and {largest}"
        raise ApiError(_INVALID, f"Value {value} for parameter {name} is invalid. Reason: {reason}.")


def _content_of(handle: Any) -> dict[str, Any]:
    """Return the content of a task handle. Raises ApiError."""
    try:
        content = json.loads(base64.b64decode(str(handle), validate=True))
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("sourceArn"), str):
        raise ApiError(_INVALID, "Value for parameter TaskHandle is invalid.")
    return content
