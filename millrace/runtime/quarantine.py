"""What no retry can make good is put aside, with the reason: it uses up no retries and reaches no handler.

An event that breaks its contract goes to the bus's dead letters, one that went round too often to its consumer's own.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from millrace.events import ContractError, Event, Metadata, UnknownVersionError
from millrace.events.sensitive import type_and_size
from millrace.runtime import observe

QUARANTINE, DEAD_LETTERS, MAX_HOPS = "MILLRACE_QUARANTINE", "MILLRACE_DEAD_LETTERS", "MILLRACE_MAX_HOPS"
"""The environment: two queues, and how many causes an event may have behind it."""
_MOST_TOLD = 1000
_NOT_IN_A_MESSAGE = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


class UnexpectedEventError(TypeError):
    """An event came that the handler's signature does not name."""


class HopLimitError(RuntimeError):
    """An event has more causes behind it than its consumer allows: events go round."""


def accepted(envelopes: Iterable[Any], attempt: int, read: Callable[[Any], Event]) -> Iterator[Event]:
    """The events that can be read and have not come too far; the others are put aside."""
    for envelope in envelopes:
        try:
            event = read(_checked(envelope))
            _count_hops(event)
        except (ContractError, UnknownVersionError, UnexpectedEventError) as error:
            _put_aside(QUARANTINE, envelope, attempt, error)
        except HopLimitError as error:
            _put_aside(DEAD_LETTERS, envelope, attempt, error)
        else:
            yield event


def quarantine(envelope: Any, attempt: int, error: Exception) -> None:
    """Send an event that no retry can fix to the dead letters of the bus, with the reason."""
    _put_aside(QUARANTINE, envelope, attempt, error)


def _checked(envelope: Any) -> Any:
    if not isinstance(envelope, dict):
        raise ContractError(
            "envelope", [("body", type_and_size(envelope), "should be an event, as EventBridge delivers it")]
        )
    return envelope


def _count_hops(event: Event) -> None:
    most = os.environ.get(MAX_HOPS)
    if most is not None and event.metadata.hops > int(most):
        name = type(event).__name__
        raise HopLimitError(
            f"{name} has {event.metadata.hops} causes behind it, and {most} are allowed. It came by "
            f"{' → '.join(_way(event.metadata))}: break the circle, or allow it with allow_cycle(max_hops=…)."
        )


def _way(metadata: Metadata) -> list[str]:
    left_out = ["…"] if metadata.hops >= len(metadata.producers) else []
    return [*left_out, *metadata.producers]


def _put_aside(place: str, envelope: Any, attempt: int, error: Exception) -> None:
    if place not in os.environ:
        raise LookupError(f"{place} is not set, and this cannot be handled: {error}") from error
    told = {"ERROR_CODE": type(error).__name__, "ERROR_MESSAGE": _plain(str(error))}
    told |= {"CONSUMER": os.environ.get("POWERTOOLS_SERVICE_NAME", ""), "EVENT_BUS": os.environ.get("MILLRACE_BUS", "")}
    _queues().send_message(
        QueueUrl=os.environ[place],
        MessageBody=_body(envelope),
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in told.items() if text},
    )
    observe.quarantined(envelope, attempt, error)


def _body(envelope: Any) -> str:
    if isinstance(envelope, str) and envelope:
        return envelope
    text = json.dumps(envelope, ensure_ascii=False)
    return json.dumps(envelope) if _NOT_IN_A_MESSAGE.search(text) else text


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text[:_MOST_TOLD])


@cache
def _queues() -> Any:
    import boto3  # noqa: PLC0415 - only what is put aside needs it

    return boto3.client("sqs")
