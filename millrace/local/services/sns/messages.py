"""Validation of messages: their text, attributes, size and order.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import is_true

Form = Mapping[str, str]
"""Parameters of the query protocol, such as `MessageAttributes.entry.1.Name`."""

_MAX_BYTES, _MAX_NAME_BYTES, _MAX_SUBJECT = 262_144, 256, 100
_TYPE = re.compile(r"(String|Number|Binary)(\..*)?")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_.\-]")
_PHONE_NUMBER = re.compile(r"\+[1-9]\d{1,14}")


def members(form: Form, prefix: str) -> list[dict[str, str]]:
    """Return the members of a list or map, such as `Tags.member`, in their order."""
    found: dict[int, dict[str, str]] = {}
    for key, value in form.items():
        number, _, rest = key.removeprefix(f"{prefix}.").partition(".")
        if key.startswith(f"{prefix}.") and number.isdecimal():
            found.setdefault(int(number), {})[rest] = value
    return [found[number] for number in sorted(found)]


def check_message(topic: Any, entry: Form) -> None:
    """Raise ApiError for a message, single or of a batch, that SNS does not accept. An SMS message has no topic."""
    subject, text = entry.get("Subject"), entry.get("Message", "")
    number = entry.get("PhoneNumber")
    if number is not None and not _PHONE_NUMBER.fullmatch(number):
        raise invalid(f"PhoneNumber Reason: {number} is not valid to publish to")
    if subject is not None and not (0 < len(subject) <= _MAX_SUBJECT and subject.isprintable()):
        raise invalid("Subject")
    if not text:
        raise invalid("Empty message")
    for attribute in members(entry, "MessageAttributes.entry"):
        _check_name(attribute.get("Name", ""))
        _check_attribute(attribute.get("Name", ""), attribute)
    if _bytes_of(entry) > _MAX_BYTES:
        raise invalid("Message too long")
    if entry.get("MessageStructure") == "json":
        _check_structure(text)
    if topic is not None:
        _check_order(topic, entry)


def check_size(entries: Iterable[Form]) -> None:
    """Raise ApiError for a batch that is too large in total."""
    if sum(map(_bytes_of, entries)) > _MAX_BYTES:
        message = "The length of all the batch messages put together is more than the limit."
        raise ApiError("BatchRequestTooLong", message)


def _bytes_of(entry: Form) -> int:
    attributes = members(entry, "MessageAttributes.entry")
    texts = [entry.get("Message", ""), *(text for each in attributes for text in _texts(each))]
    return sum(len(text.encode()) for text in texts)


def _texts(attribute: Form) -> tuple[str, ...]:
    binary = base64.b64decode(attribute.get("Value.BinaryValue", "")).decode("latin-1")
    names = ("Name", "Value.DataType", "Value.StringValue")
    return (*(attribute.get(name, "") for name in names), binary)


def _check_name(name: str) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html."""
    found = _NOT_IN_NAME.search(name)
    if len(name.encode()) > _MAX_NAME_BYTES:
        raise _attribute_error(f"Length of message attribute name must be less than {_MAX_NAME_BYTES} bytes.")
    if found:
        message = f"Invalid non-alphanumeric character '#x{ord(found[0]):X}' was found in the message attribute name."
        raise _attribute_error(f"{message} Can only include alphanumeric characters, hyphens, underscores, or dots.")
    for position, character in (("starting", name[:1]), ("ending", name[-1:])):
        if character == ".":
            raise _attribute_error(f"Invalid message attribute name {position} with character '.' was found.")
    if ".." in name:
        raise _attribute_error("Message attribute name can not have successive '.' character.")


def _check_attribute(name: str, attribute: Form) -> None:
    kind, start = attribute.get("Value.DataType", ""), f"The message attribute '{name}'"
    if not _TYPE.fullmatch(kind):
        message = "has an invalid message attribute type, the set of supported type prefixes is"
        raise _attribute_error(f"{start} {message} Binary, Number, and String.")
    field, other = ("Binary", "String") if kind.startswith("Binary") else ("String", "Binary")
    if attribute.get(f"Value.{field}Value"):
        return
    if attribute.get(f"Value.{other}Value"):
        raise _attribute_error(f"{start} with type '{kind}' must use field '{field}'.")
    message = "must contain non-empty message attribute value for message attribute type"
    raise _attribute_error(f"{start} {message} '{kind}'.")


def _check_structure(text: str) -> None:
    try:
        messages = json.loads(text)
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(messages, dict) or not isinstance(messages.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")


def _check_order(topic: Any, entry: Form) -> None:
    """Check the message group and the deduplication id. Standard topics accept a group, for fair queues."""
    identity = entry.get("MessageDeduplicationId")
    if not is_true(topic.fifo_topic):
        if identity is not None:
            message = "The request includes MessageDeduplicationId parameter that is not valid for this topic type"
            raise invalid(f"MessageDeduplicationId Reason: {message}")
    elif not entry.get("MessageGroupId"):
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    elif not identity and not is_true(topic.content_based_deduplication):
        message = "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
        raise invalid(f"{message} explicitly")


def invalid(*texts: str) -> ApiError:
    """Return the error of an invalid parameter."""
    return ApiError("InvalidParameter", f"Invalid parameter: {''.join(texts)}")


def _attribute_error(text: str) -> ApiError:
    return ApiError("ParameterValueInvalid", text)
