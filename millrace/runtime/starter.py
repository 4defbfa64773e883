"""The function between a mediator's channel and its state machine.

It starts one execution for each event, named after the event id, so that a duplicate starts nothing.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import hashlib
import importlib
import json
import os
import re
from functools import cache
from typing import Any

from millrace.events import Envelope, Event, decode
from millrace.runtime import observe
from millrace.runtime.batch import each_event
from millrace.runtime.claims import fitted, redeemed
from millrace.runtime.quarantine import accepted

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


def handler(payload: dict[str, Any], context: Any) -> Any:
    """Start an execution for each event; answer with those that failed, as their source asks."""
    return each_event(payload, context, _start)


def _start(envelope: Any, attempt: int) -> None:
    try:
        events = list(accepted([envelope], attempt, lambda known: decode(redeemed(known), _trigger())))
        for event in events:
            _execute(event, envelope)
    except Exception as error:
        observe.failed(envelope, attempt, error)
        raise
    for event in events:
        observe.handled(event.contract.detail_type, event.metadata, attempt, [])


def _execute(event: Event, envelope: Envelope) -> None:
    kept: Envelope = {
        "source": envelope["source"],
        "detail-type": envelope["detail-type"],
        "detail": envelope["detail"],
    }
    machines = _machines()
    try:
        machines.start_execution(
            stateMachineArn=os.environ["MILLRACE_STATE_MACHINE"],
            name=_name(event.metadata.event_id),
            input=json.dumps({"events": fitted([kept], [], parallel=False), "refused": False}, ensure_ascii=False),
        )
    except machines.exceptions.ExecutionAlreadyExists:
        observe.logger().info("this event has started its execution before")


def _name(event_id: str) -> str:
    """What a name of an execution may be; an event from outside may have any id."""
    return event_id if _NAME.fullmatch(event_id) else hashlib.sha256(event_id.encode()).hexdigest()


@cache
def _machines() -> Any:
    import boto3  # noqa: PLC0415

    return boto3.client("stepfunctions")


@cache
def _trigger() -> type[Event]:
    module, _, name = os.environ["MILLRACE_TRIGGER"].partition(":")
    event: type[Event] = getattr(importlib.import_module(module), name)
    return event
