"""Quarantine of events that no retry can fix: they go to a dead-letter queue with the reason, and reach no handler.

An event that breaks its contract goes to the dead-letter queue of the bus. An event beyond the hop limit goes to the
dead-letter queue of its consumer.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from millrace.events import ContractError, Event, Metadata, UnknownVersionError
from millrace.events.sensitive import type_and_size
from millrace.runtime import observe
from millrace.runtime.environment import BUS, client

QUARANTINE, DEAD_LETTERS, MAX_HOPS = "MILLRACE_QUARANTINE", "MILLRACE_DEAD_LETTERS", "MILLRACE_MAX_HOPS"
"""The environment variables with the URLs of the two queues, and with the hop limit."""
_MAX_MESSAGE = 1000
_NOT_IN_A_MESSAGE = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


class UnexpectedEventError(TypeError):
    """The handler's signature does not name this event."""


class HopLimitError(RuntimeError):
    """An event has more hops than its consumer allows, so events may run in a cycle."""


def accepted(envelopes: Iterable[Any], attempt: int, read: Callable[[Any], Event]) -> Iterator[Event]:
    """Yield the events that can be read and are within the hop limit, and quarantine the others."""
    for envelope in envelopes:
        try:
            event = checked(envelope, read)
        except (ContractError, UnknownVersionError, UnexpectedEventError) as error:
            _send(QUARANTINE, envelope, attempt, error)
        except HopLimitError as error:
            _send(DEAD_LETTERS, envelope, attempt, error)
        else:
            yield event


def checked(envelope: Any, read: Callable[[Any], Event]) -> Event:
    """Return the event of an envelope. Raises an error if it cannot be read or is beyond the hop limit."""
    event = read(_checked(envelope))
    _check_hops(event)
    return event


def quarantine(envelope: Any, attempt: int, error: Exception) -> None:
    """Send an event to the dead-letter queue of the bus, with the reason."""
    _send(QUARANTINE, envelope, attempt, error)


def dead_letter(body: Any, attempt: int, error: Exception) -> None:
    """Send a record or a window to the dead-letter queue of its consumer, with the reason."""
    _send(DEAD_LETTERS, body, attempt, error)


def _checked(envelope: Any) -> Any:
    if not isinstance(envelope, dict):
        raise ContractError(
            "envelope", [("body", type_and_size(envelope), "should be an event, as EventBridge delivers it")]
        )
    return envelope


def _check_hops(event: Event) -> None:
    limit = os.environ.get(MAX_HOPS)
    if limit is not None and event.metadata.hops > int(limit):
        raise HopLimitError(
            f"{type(event).__name__} has {event.metadata.hops} hops, and the limit is {limit}. Its path is "
            f"{' → '.join(_path(event.metadata))}: break the cycle, or allow it with allow_cycle(max_hops=…)."
        )


def _path(metadata: Metadata) -> list[str]:
    omitted = ["…"] if metadata.hops >= len(metadata.producers) else []
    return [*omitted, *metadata.producers]


def _send(queue: str, envelope: Any, attempt: int, error: Exception) -> None:
    if queue not in os.environ:
        raise LookupError(f"{queue} is not set, so this event cannot be quarantined: {error}") from error
    details = {"ERROR_CODE": type(error).__name__, "ERROR_MESSAGE": _printable(str(error))}
    details |= {"CONSUMER": os.environ.get("POWERTOOLS_SERVICE_NAME", ""), "EVENT_BUS": os.environ.get(BUS, "")}
    client("sqs").send_message(
        QueueUrl=os.environ[queue],
        MessageBody=_body(envelope),
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in details.items() if text},
    )
    observe.quarantined(envelope, attempt, error)


def _body(envelope: Any) -> str:
    if isinstance(envelope, str) and envelope:
        return envelope
    text = json.dumps(envelope, ensure_ascii=False)
    return json.dumps(envelope) if _NOT_IN_A_MESSAGE.search(text) else text


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text[:_MAX_MESSAGE])
