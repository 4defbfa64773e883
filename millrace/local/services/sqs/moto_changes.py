"""What moto's queues do otherwise here."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.services.sqs.message_store import MessageStore
from millrace.local.services.sqs.receiving import receive
from millrace.local.services.sqs.service import Sqs

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

DEDUPLICATION_SECONDS = 300
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html"""
_FIRST_SEQUENCE = 18_850_000_000_000_000_000
MOST_VISIBILITY_SECONDS = 43_200
_LONGEST_WAIT = 0.2

RegionOf = Callable[..., "AccountRegion"]


def apply(region: RegionOf) -> None:
    """Change moto's queues."""
    _use_the_clock(region)
    _keep_messages_on_a_shelf(region)
    _receive_from_the_shelf(region)
    _delete_by_handle()
    _push_nothing()
    _add_messages(region)
    _show_where_a_dead_letter_came_from()


def _use_the_clock(region: RegionOf) -> None:
    """moto reads the machine's time; the clock of the local cloud skips idle time."""
    from moto.sqs import models  # noqa: PLC0415

    seconds, millis = models.unix_time, models.unix_time_millis
    models.unix_time = lambda moment=None: float(seconds(moment)) + region().clock.ahead
    models.unix_time_millis = lambda moment=None: float(millis(moment)) + region().clock.ahead * 1000


def _keep_messages_on_a_shelf(region: RegionOf) -> None:
    """Moto keeps messages in a list that it walks through several times for each call, even for each one sent."""
    from moto.sqs.models import Queue  # noqa: PLC0415

    def now() -> float:
        return region().clock.now() * 1000

    def put(queue: Any, messages: list[Any]) -> None:
        queue.__dict__.pop("millrace_store", None)
        queue.millrace_first = messages

    def store(queue: Any) -> MessageStore:
        if "millrace_store" not in queue.__dict__:
            queue.millrace_store = MessageStore(queue, now, queue.millrace_first)
        known: MessageStore = queue.millrace_store
        return known

    Queue._messages = property(store, put)
    Queue.messages = property(lambda queue: [m for m in store(queue) if m.millrace_place.ready])
    for number, name in enumerate(("", "_not_visible", "_delayed")):
        setattr(Queue, f"approximate_number_of_messages{name}", _count(store, number))


def _count(store: Callable[[Any], MessageStore], number: int) -> property:
    return property(lambda queue: store(queue).counts()[number])


def _receive_from_the_shelf(region: RegionOf) -> None:
    """Moto copies and tests every message of the queue, and keeps a group closed by other rules than SQS."""
    from moto.sqs.models import SQSBackend, _filter_message_attributes  # noqa: PLC0415

    def receive_message(
        backend: Any, queue_name: str, count: int, wait: int, visibility: int, names: list[str] | None = None
    ) -> list[Any]:
        queue = backend.get_queue(queue_name)
        ends = time.monotonic() + wait
        with queue._messages_lock:
            taken = _received(region(queue.queue_arn), queue, count, visibility)
            while not taken and time.monotonic() < ends:
                queue._messages_lock.wait(_LONGEST_WAIT)
                taken = _received(region(queue.queue_arn), queue, count, visibility)
        for message in taken:
            _filter_message_attributes(message, names or [])
        return taken

    SQSBackend.receive_message = receive_message


def _received(region: "AccountRegion", queue: Any, count: int, visibility: int) -> list[Any]:
    move = region.service(Sqs).move_to_dead_letter_queue
    taken = receive(queue, count, visibility, now=region.clock.now(), to_dead_letter_queue=move)
    if taken:
        region.source_changed(queue.queue_arn, "change of a message")
    return taken


def _delete_by_handle() -> None:
    """Moto walks through the queue for a handle, and rebuilds the list for each message that is deleted.

    It reckons the longest that a message may be hidden from when it was sent, and AWS from when it was received.
    """
    from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid  # noqa: PLC0415
    from moto.sqs.models import Queue, SQSBackend  # noqa: PLC0415

    def delete_message(queue: Any, receipt_handle: str) -> None:
        store: MessageStore = queue._messages
        with store.lock:
            message = store.find(receipt_handle)
            if message is not None:
                store.remove(message)
            elif not store.was_deleted(receipt_handle):
                raise ReceiptHandleIsInvalid
        queue.millrace_changed()

    def change_message_visibility(backend: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        queue = backend.get_queue(queue_name)
        store: MessageStore = queue._messages
        with store.lock:
            message = store.find(receipt_handle)
            if message is None:
                raise ReceiptHandleIsInvalid
            until = store.now() + int(visibility_timeout) * 1000
            if until - message.millrace_place.lent > MOST_VISIBILITY_SECONDS * 1000:
                told = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
                raise InvalidParameterValue(
                    f"Value {visibility_timeout} for parameter VisibilityTimeout is invalid. Reason: {told}"
                )
            message.visible_at = until
            store.reschedule(message, until)
        queue.millrace_changed()

    Queue.delete_message = delete_message
    SQSBackend.change_message_visibility = change_message_visibility


def _push_nothing() -> None:
    """Moto pushes each message into functions, one a call, within SendMessage; the plane polls instead."""
    from moto.sqs.models import Queue  # noqa: PLC0415

    Queue.lambda_event_source_mappings = property(lambda _: {}, lambda _, __: None)


def _add_messages(region: RegionOf) -> None:
    """Moto forgets a FIFO queue's deduplication id with its message, and numbers only some messages, at random."""
    from moto.sqs.models import Queue  # noqa: PLC0415

    def changed(queue: Any) -> None:
        region(queue.queue_arn).source_changed(queue.queue_arn, "change of a queue")

    def add_message(queue: Any, message: Any) -> None:
        store: MessageStore = queue._messages
        with store.lock:
            if queue.fifo_queue and not _number(queue, message, region().clock.now()):
                return
            store.add(message)
            store.lock.notify_all()
        changed(queue)

    Queue.add_message = add_message
    Queue.millrace_changed = changed


def _number(queue: Any, message: Any, now: float) -> bool:
    """Number a message of a FIFO queue. False for a duplicate, which is given id and number of the first."""
    sent: dict[Any, tuple[float, Any]] = queue.__dict__.setdefault("millrace_sent", {})
    while sent and next(iter(sent.values()))[0] <= now:
        del sent[next(iter(sent))]
    scope = message.group_id if queue.deduplication_scope == "messageGroup" else None
    key = (scope, message.deduplication_id)
    if key in sent and not hasattr(message, "millrace_redriven"):
        message.id, message.sequence_number = sent[key][1]
        return False
    queue.millrace_sequence = getattr(queue, "millrace_sequence", _FIRST_SEQUENCE) + 256
    message.sequence_number = str(queue.millrace_sequence)
    sent.pop(key, None)
    sent[key] = (now + DEDUPLICATION_SECONDS, (message.id, message.sequence_number))
    return True


def _show_where_a_dead_letter_came_from() -> None:
    """Moto's ReceiveMessage does not know the system attribute DeadLetterQueueSourceArn."""
    from moto.sqs.responses import SQSResponse  # noqa: PLC0415

    answer = SQSResponse.receive_message

    def receive_message(response: Any) -> Any:
        wanted = {
            *(response._get_param("AttributeNames", []) or []),
            *(response._get_param("MessageSystemAttributeNames", []) or []),
        }
        result = answer(response)
        if wanted & {"All", "DeadLetterQueueSourceArn"}:
            queue = response.sqs_backend.get_queue(response._get_queue_name())
            for shown in result.result.get("Messages", []):
                _show_source(queue, shown)
        return result

    SQSResponse.receive_message = receive_message


def _show_source(queue: Any, shown: dict[str, Any]) -> None:
    message = queue._messages.find(shown["ReceiptHandle"])
    source = message.system_attributes.get("DeadLetterQueueSourceArn") if message else None
    if source:
        shown.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = source
