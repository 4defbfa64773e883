"""The Lambda function between a mediator's channel and its state machine.

It starts one execution for each event. The execution is named after the event id, so a duplicate starts no second one.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

import hashlib
import json
import re
from typing import Any

from millrace.events import Envelope, Event, decode
from millrace.runtime import observe
from millrace.runtime.batch import each_event
from millrace.runtime.claims import fitted, redeemed
from millrace.runtime.environment import client, event_types, required
from millrace.runtime.priming import prime
from millrace.runtime.quarantine import accepted

STATE_MACHINE, TRIGGER = "MILLRACE_STATE_MACHINE", "MILLRACE_TRIGGER"
"""The environment variables with the ARN of the state machine, and with the class of the event that starts it."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


prime("stepfunctions", batches=True)


def handler(payload: dict[str, Any], context: Any) -> Any:
    """Start an execution for each event, and return the batch item failures."""
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
    known: Envelope = {
        "source": envelope["source"],
        "detail-type": envelope["detail-type"],
        "detail": envelope["detail"],
    }
    machines = client("stepfunctions")
    try:
        machines.start_execution(
            stateMachineArn=required(STATE_MACHINE),
            name=_name(event.metadata.event_id),
            input=json.dumps({"events": fitted([known], [], parallel=False), "refused": False}, ensure_ascii=False),
        )
    except machines.exceptions.ExecutionAlreadyExists:
        observe.logger().info("execution already exists for this event")


def _name(event_id: str) -> str:
    """Return the name of an execution: the event id, or its hash if it has other characters, as an external id can."""
    return event_id if _NAME.fullmatch(event_id) else hashlib.sha256(event_id.encode()).hexdigest()


def _trigger() -> type[Event]:
    (event,) = event_types(TRIGGER).values()
    return event
