"""Validation of SQS requests before moto answers them, with SQS's own error messages.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Operations.html
"""

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import is_true, parsed

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Parameters = Mapping[str, Any]
MAX_ENTRIES, MAX_BATCH_BYTES, MAX_ATTRIBUTES = 10, 1_048_576, 10
_INVALID = "InvalidParameterValue"
_CHARACTERS = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
_TOKEN = re.compile(r"[a-zA-Z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NAME, _FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}"), re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
_RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
_COMPARED = {*_RANGES, "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}
_OTHER = {"KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled"}
_OF_FIFO = {"ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit"}


class Validation:
    """Checks by operation. Each raises ApiError."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self.checks: dict[str, Callable[[dict[str, Any]], None]] = {
            "AmazonSQS.CreateQueue": self._check_new_queue,
            "AmazonSQS.SetQueueAttributes": self._check_attributes,
            "AmazonSQS.SendMessage": self._check_message,
            "AmazonSQS.SendMessageBatch": _check_message_batch,
            "AmazonSQS.ReceiveMessage": _check_receive,
            "AmazonSQS.ChangeMessageVisibility": _check_receive,
            "AmazonSQS.RemovePermission": self._check_label,
            "AmazonSQS.DeleteMessageBatch": lambda params: check_batch(params, "DeleteMessageBatch"),
            "AmazonSQS.ChangeMessageVisibilityBatch": lambda params: check_batch(
                params, "ChangeMessageVisibilityBatch"
            ),
        }

    def _queue(self, params: Parameters) -> Any:
        return self._region.backends.sqs.queues.get(str(params.get("QueueUrl", "")).rpartition("/")[2])

    def _check_new_queue(self, params: Parameters) -> None:
        _check_new_queue(params)
        queue = self._region.backends.sqs.queues.get(params.get("QueueName"))
        known = queue.attributes if queue else {}
        for name, value in (params.get("Attributes") or {}).items():
            if name in _COMPARED and known and str(known.get(name)).lower() != str(value).lower():
                message = f"A queue already exists with the same name and a different value for attribute {name}"
                raise ApiError("QueueAlreadyExists", message)

    def _check_message(self, params: Parameters) -> None:
        queue = self._queue(params)
        if queue is not None:  # moto reports a missing queue
            check_message(queue, params)

    def _check_label(self, params: Parameters) -> None:
        queue, label = self._queue(params), params.get("Label")
        if queue is not None and all(each["Sid"] != label for each in parsed(queue.policy)["Statement"]):
            reason = "can't find label."
            raise ApiError(_INVALID, f"Value {label} for parameter Label is invalid. Reason: {reason}")

    def _check_attributes(self, params: Parameters) -> None:
        queue = self._queue(params)
        if queue is None:
            return
        attributes = params.get("Attributes") or {}
        _check_queue_attributes(attributes, fifo=queue.fifo_queue)
        if not is_true(attributes.get("FifoQueue", True)):
            reason = "Modifying queue type is not supported."
            message = f"Invalid value for the parameter FifoQueue. Reason: {reason}"
            raise ApiError("InvalidAttributeValue", message)


@cache
def _not_allowed() -> re.Pattern[str]:
    """Return the pattern of a character that no message may contain. To compile it takes milliseconds."""
    return re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_message(queue: Any, entry: Parameters) -> None:
    """Raise ApiError for a message, single or of a batch, that SQS does not accept."""
    body = entry.get("MessageBody")
    if not body:
        raise ApiError("MissingParameter", "The request must contain the parameter MessageBody.")
    if _not_allowed().search(body):
        message = f"Invalid characters found. Valid unicode characters are {_CHARACTERS}."
        raise ApiError("InvalidMessageContents", message)
    attributes = entry.get("MessageAttributes") or {}
    _check_message_attributes(attributes)
    if message_bytes(body, attributes) > queue.maximum_message_size:
        reason = f"Message must be shorter than {queue.maximum_message_size} bytes."
        raise ApiError(_INVALID, f"One or more parameters are invalid. Reason: {reason}")
    _check_delay(queue, entry)
    _check_order(queue, entry)


def message_bytes(body: str, attributes: Mapping[str, Any]) -> int:
    """Return the size of a message: its body, and the names, types and values of its attributes."""
    values = (
        len(name.encode()) + sum(_value_bytes(kind, part) for kind, part in value.items())
        for name, value in attributes.items()
    )
    return len(body.encode()) + sum(values)


def _value_bytes(kind: str, value: Any) -> int:
    if isinstance(value, bytes):
        return len(value)
    if not isinstance(value, str):
        return 0
    return len(base64.b64decode(value)) if kind == "BinaryValue" else len(value.encode())


def _check_message_attributes(attributes: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html."""
    if len(attributes) > MAX_ATTRIBUTES:
        message = f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MAX_ATTRIBUTES}]."
        raise ApiError(_INVALID, message)
    for name, value in attributes.items():
        kind = str(value.get("DataType") or "")
        if name.lower().startswith(("aws.", "amazon.")):
            message = "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are "
            raise ApiError(_INVALID, f"{message}reserved for internal use.")
        found = value.get("BinaryValue" if kind.startswith("Binary") else "StringValue")
        if not kind or not found:
            message = f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind or 'String'}'."
            raise ApiError(_INVALID, message)
        if kind.partition(".")[0] == "Number" and not _is_number(found):
            raise ApiError(_INVALID, f"Can't cast the value of message (user) attribute '{name}' to a number.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_delay(queue: Any, entry: Parameters) -> None:
    delay = entry.get("DelaySeconds")
    if not isinstance(delay, int):
        return
    if not 0 <= delay <= _RANGES["DelaySeconds"][1]:
        reason = "DelaySeconds must be >= 0 and <= 900."
        raise ApiError(_INVALID, f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}")
    if queue.fifo_queue and delay:
        reason = "The request include parameter that is not valid for this queue type."
        raise ApiError(_INVALID, f"Value {delay} for parameter DelaySeconds is invalid. Reason: {reason}")


def _check_order(queue: Any, entry: Parameters) -> None:
    """Check the message group and the deduplication id. Standard queues accept a group, for fair queues."""
    for name in ("MessageDeduplicationId", "MessageGroupId"):
        value = entry.get(name)
        if value is not None and not _TOKEN.fullmatch(value):
            reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            raise ApiError(_INVALID, f"Value {value} for parameter {name} is invalid. Reason: {reason}")
    identity = entry.get("MessageDeduplicationId")
    if not queue.fifo_queue and identity is not None:
        reason = "The request includes a parameter that is not valid for this queue type."
        raise ApiError(_INVALID, f"Value {identity} for parameter MessageDeduplicationId is invalid. Reason: {reason}")
    if queue.fifo_queue and entry.get("MessageGroupId") is None:
        raise ApiError("MissingParameter", "The request must contain the parameter MessageGroupId.")
    if queue.fifo_queue and identity is None and not queue.content_based_deduplication:
        message = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided "
        raise ApiError(_INVALID, f"{message}explicitly")


def check_batch(params: Parameters, operation: str) -> None:
    """Raise ApiError for a batch without entries, with more than ten, or with invalid ids."""
    entries = params.get("Entries") or []
    ids = [str(entry.get("Id")) for entry in entries]
    if not entries:
        code = "AWS.SimpleQueueService.EmptyBatchRequest"
        raise ApiError(code, f"There should be at least one {operation}RequestEntry in the request.")
    if len(entries) > MAX_ENTRIES:
        message = f"Maximum number of entries per request are {MAX_ENTRIES}. You have sent {len(entries)}."
        raise ApiError("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", message)
    if not all(map(_BATCH_ID.fullmatch, ids)):
        message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
        raise ApiError("AWS.SimpleQueueService.InvalidBatchEntryId", f"{message}It can be at most 80 letters long.")
    if repeated := next(_repeated(ids), None):
        raise ApiError("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", f"Id {repeated} repeated.")


def _repeated(ids: list[str]) -> Iterator[str]:
    return (each for number, each in enumerate(ids) if each in ids[:number])


def _check_message_batch(params: Parameters) -> None:
    check_batch(params, "SendMessageBatch")
    size = sum(
        message_bytes(entry.get("MessageBody") or "", entry.get("MessageAttributes") or {})
        for entry in params["Entries"]
    )
    if size > MAX_BATCH_BYTES:
        message = f"Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {size} bytes."
        raise ApiError("AWS.SimpleQueueService.BatchRequestTooLong", message)


def _check_receive(params: Parameters) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html."""
    ranges = {
        "MaxNumberOfMessages": (1, 10, "Must be between 1 and 10, if provided."),
        "WaitTimeSeconds": (0, 20, "Must be >= 0 and <= 20, if provided."),
        "VisibilityTimeout": (0, 43_200, "Must be >= 0 and <= 43200, if provided."),
    }
    for name, (low, high, reason) in ranges.items():
        value = params.get(name)
        if isinstance(value, int) and not low <= value <= high:
            raise ApiError(_INVALID, f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def _check_new_queue(params: Parameters) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html."""
    name, attributes = str(params.get("QueueName") or ""), params.get("Attributes") or {}
    fifo = is_true(attributes.get("FifoQueue"))
    if fifo and not _FIFO_NAME.fullmatch(name):
        message = (
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end "
        )
        raise ApiError(_INVALID, f"{message}with .fifo suffix and be 1 to 80 in length")
    if not fifo and not _NAME.fullmatch(name):
        message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        raise ApiError(_INVALID, message)
    _check_queue_attributes(attributes, fifo=fifo)


def _check_queue_attributes(attributes: Mapping[str, Any], *, fifo: bool) -> None:
    _check_encryption(attributes)
    _check_redrive(attributes.get("RedrivePolicy"))
    for name, value in attributes.items():
        if name not in _RANGES.keys() | _OTHER | (_OF_FIFO if fifo else set()):
            raise ApiError("InvalidAttributeName", f"Unknown Attribute {name}.")
        low, high = _RANGES.get(name, (None, None))
        if low is not None and high is not None and value != "" and not _in_range(value, low, high):
            raise ApiError("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def _check_encryption(attributes: Mapping[str, Any]) -> None:
    if is_true(attributes.get("SqsManagedSseEnabled")) and attributes.get("KmsMasterKeyId"):
        message = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or "
        raise ApiError("InvalidAttributeName", f"{message}SQS SSE.")


def _check_redrive(policy: Any) -> None:
    found = parsed(policy)
    if isinstance(found, dict) and not str(found.get("deadLetterTargetArn", "arn:")).startswith("arn:"):
        reason = "Invalid value for deadLetterTargetArn."
        raise ApiError(_INVALID, f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}")


def _in_range(value: Any, low: int, high: int) -> bool:
    try:
        return low <= int(value) <= high
    except (TypeError, ValueError):
        return False
