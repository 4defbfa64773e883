"""Changes to moto's queues."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from millrace.local.core.moto_patches import replace, replace_attribute
from millrace.local.services.sqs import queue_moto_changes
from millrace.local.services.sqs.message_store import MessageStore, store_of, trace_attribute
from millrace.local.services.sqs.receiving import receive

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

DEDUPLICATION_SECONDS = 300
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html"""
_FIRST_SEQUENCE = 18_850_000_000_000_000_000
MOST_VISIBILITY_SECONDS = 43_200
_LONG_POLL_INTERVAL = 0.2
_NOT_IN_FLIGHT = "Message does not exist or is not available for visibility timeout change."

RegionOf = Callable[..., "AccountRegion"]


def apply(region: RegionOf) -> None:
    """Change moto's queues."""
    _use_local_clock(region)
    _use_message_store(region)
    _receive_from_message_store(region)
    _delete_by_receipt_handle()
    _disable_pushing_to_functions()
    _deduplicate_and_number(region)
    _return_dead_letter_queue_source()
    queue_moto_changes.apply()
    _keep_trace_header()
    _cache_attribute_names()


def _cache_attribute_names() -> None:
    """moto converts the name of each attribute of a queue, character by character, on each call."""
    from moto.sqs import models

    replace(models, "camelcase_to_underscores", lru_cache(256)(models.camelcase_to_underscores))


def _use_local_clock(region: RegionOf) -> None:
    """moto reads the machine's clock; the local cloud's clock skips idle time."""
    from moto.sqs import models

    seconds, millis = models.unix_time, models.unix_time_millis

    def unix_time(moment: Any = None) -> float:
        return float(seconds(moment)) + region().clock.wall_clock_offset

    def unix_time_millis(moment: Any = None) -> float:
        return float(millis(moment)) + region().clock.wall_clock_offset * 1000

    replace(models, "unix_time", unix_time)
    replace(models, "unix_time_millis", unix_time_millis)


def _use_message_store(region: RegionOf) -> None:
    """moto scans a list of messages several times for each call, also for each message sent."""
    from moto.sqs.models import Queue

    def now() -> float:
        return region().clock.now() * 1000

    def set_messages(queue: Any, messages: list[Any]) -> None:
        queue.__dict__.pop("millrace_store", None)
        queue.millrace_initial_messages = messages

    def store(queue: Any) -> MessageStore:
        if "millrace_store" not in queue.__dict__:
            queue.millrace_store = MessageStore(queue, now, queue.millrace_initial_messages)
        created: MessageStore = queue.millrace_store
        return created

    replace_attribute(Queue, "_messages", property(store, set_messages))

    def ready(queue: Any) -> list[Any]:
        return [message for message in store(queue) if message.millrace_stored.ready]

    replace_attribute(Queue, "messages", property(ready))
    for number, suffix in enumerate(("", "_not_visible", "_delayed")):
        replace_attribute(Queue, f"approximate_number_of_messages{suffix}", _count(number))


def _count(number: int) -> property:
    return property(lambda queue: store_of(queue).counts()[number])


def _receive_from_message_store(region: RegionOf) -> None:
    """moto copies and tests every message of the queue, and blocks message groups by other rules than SQS."""
    from moto.sqs.models import SQSBackend, _filter_message_attributes

    def receive_message(
        backend: Any,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Any]:
        queue, names = backend.get_queue(queue_name), message_attribute_names or []
        names = ["All"] if "*" in names else names
        deadline = time.monotonic() + wait_seconds_timeout
        with queue._messages_lock:
            while not (received := receive(region(queue.queue_arn), queue, count, visibility_timeout)):
                if time.monotonic() >= deadline:
                    return []
                queue._messages_lock.wait(_LONG_POLL_INTERVAL)
            region(queue.queue_arn).source_changed(queue.queue_arn, "change of a message")
        for message in received:
            _filter_message_attributes(message, names)
        return received

    replace(SQSBackend, "receive_message", receive_message)


def _delete_by_receipt_handle() -> None:
    """moto scans the queue for a receipt handle, and rebuilds the list for each message that it deletes.

    It counts the maximum visibility timeout from when a message was sent; AWS counts it from when it was received.
    """
    from moto.sqs.models import Queue, SQSBackend

    def delete_message(queue: Any, receipt_handle: str) -> None:
        store = store_of(queue)
        with store.lock:
            message = store.find(receipt_handle)
            if message is None and not store.was_deleted(receipt_handle):
                raise _invalid_receipt(receipt_handle)
            if message is not None and queue.fifo_queue and not store.is_current(receipt_handle):
                raise _expired_receipt(receipt_handle, "The receipt handle has expired.")
            if message is not None:
                store.remove(message)
        queue.millrace_changed()

    def change_message_visibility(backend: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        queue = backend.get_queue(queue_name)
        store = store_of(queue)
        with store.lock:
            message = store.find(receipt_handle)
            if message is None and not store.was_deleted(receipt_handle):
                raise _invalid_receipt(receipt_handle)
            if message is None or not store.is_current(receipt_handle):
                raise _expired_receipt(
                    receipt_handle, "Message does not exist or is not available for visibility timeout change."
                )
            visible_at = store.now() + int(visibility_timeout) * 1000
            if visible_at - message.millrace_stored.received_at > MOST_VISIBILITY_SECONDS * 1000:
                raise _too_long(visibility_timeout)
            message.visible_at = visible_at
            store.change_visibility(message, visible_at)
        queue.millrace_changed()

    replace(Queue, "delete_message", delete_message)
    replace(SQSBackend, "change_message_visibility", change_message_visibility)


def _invalid_receipt(receipt: str) -> Exception:
    from moto.sqs.exceptions import SQSException

    error: Exception = SQSException(
        "ReceiptHandleIsInvalid", f'The input receipt handle "{receipt}" is not a valid receipt handle.'
    )
    return error


def _expired_receipt(receipt: str, reason: str) -> Exception:
    return _invalid_value("ReceiptHandle", receipt, reason)


def _too_long(timeout: int) -> Exception:
    reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
    return _invalid_value("VisibilityTimeout", timeout, reason)


def _invalid_value(name: str, value: object, reason: str) -> Exception:
    from moto.sqs.exceptions import InvalidParameterValue

    error: Exception = InvalidParameterValue(f"Value {value} for parameter {name} is invalid. Reason: {reason}")
    return error


def _disable_pushing_to_functions() -> None:
    """Within SendMessage, moto invokes functions with one message per call; here event source mappings poll."""
    from moto.sqs.models import Queue

    replace_attribute(Queue, "lambda_event_source_mappings", property(lambda _: {}, lambda _, __: None))


def _deduplicate_and_number(region: RegionOf) -> None:
    """moto drops a deduplication id with its message, and gives sequence numbers to some messages only, at random."""
    from moto.sqs.models import Queue

    def changed(queue: Any) -> None:
        region(queue.queue_arn).source_changed(queue.queue_arn, "change of a queue")

    def add_message(queue: Any, message: Any) -> None:
        store = store_of(queue)
        with store.lock:
            if queue.fifo_queue and not _assign_sequence_number(queue, message, region().clock.now()):
                return
            store.add(message)
            store.lock.notify_all()
        changed(queue)

    replace(Queue, "add_message", add_message)
    Queue.millrace_changed = changed


def _assign_sequence_number(queue: Any, message: Any, now: float) -> bool:
    """Assign a sequence number. Return False for a duplicate, which gets the id and number of the first message."""
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


def _return_dead_letter_queue_source() -> None:
    """moto's ReceiveMessage omits the system attribute DeadLetterQueueSourceArn."""
    from moto.sqs.responses import SQSResponse

    original = SQSResponse.receive_message

    def receive_message(response: Any) -> Any:
        wanted = {
            *(response._get_param("AttributeNames", []) or []),
            *(response._get_param("MessageSystemAttributeNames", []) or []),
        }
        result = original(response)
        if wanted & {"All", "DeadLetterQueueSourceArn"}:
            queue = response.sqs_backend.get_queue(response._get_queue_name())
            for shown in result.result.get("Messages", []):
                message = store_of(queue).find(shown["ReceiptHandle"])
                if message and (source := message.system_attributes.get("DeadLetterQueueSourceArn")):
                    shown.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = source
        return result

    replace(SQSResponse, "receive_message", receive_message)


def _keep_trace_header() -> None:
    """moto drops the trace header of a request, which SQS keeps as the system attribute AWSTraceHeader.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html
    """
    from moto.sqs.models import SQSBackend
    from moto.sqs.responses import SQSResponse

    current: ContextVar[str] = ContextVar("trace header", default="")
    send = SQSBackend.send_message

    def within(operation: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def answer(response: Any) -> Any:
            token = current.set(response.headers.get("X-Amzn-Trace-Id") or "")
            try:
                return operation(response)
            finally:
                current.reset(token)

        return answer

    def send_message(backend: Any, *arguments: Any, system_attributes: Any = None, **options: Any) -> Any:
        attributes = {**trace_attribute(current.get()), **(system_attributes or {})}
        return send(backend, *arguments, system_attributes=attributes, **options)

    for name in ("send_message", "send_message_batch"):
        replace(SQSResponse, name, within(getattr(SQSResponse, name)))
    replace(SQSBackend, "send_message", send_message)
