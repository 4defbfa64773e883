"""The Lambda function behind `POST /callbacks/{id}`: it receives the answer that a step waits for, as a CloudEvent.

The caller is authorized as for external events. The answer is stored in the table before it ends the task, so an id
accepts one answer. If the function is killed in between, the caller gets an error and sends the answer again.
"""

import hashlib
import json
from typing import Any

from millrace.events import Envelope, Event, encode
from millrace.runtime import observe
from millrace.runtime.api.http import Problem, Request, Response, respond, response
from millrace.runtime.api.ingress import accepted_event, one_envelope
from millrace.runtime.priming import prime
from millrace.runtime.tokens import DifferentAnswerError, PendingCallback

MOST_BYTES = 100_000
"""Maximum size of an answer. With the events of the step, at most 200,000 bytes, it fits an item of 400 KB.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""
_RETRY_SECONDS = 5


prime("stepfunctions")


def handler(payload: dict[str, Any], _context: Any) -> Response:
    """Handle a request of API Gateway."""
    return respond(payload, _receive)


def _receive(request: Request) -> Response:
    if len(request.body) > MOST_BYTES:
        raise Problem(
            413, f"The answer has {len(request.body):,} bytes, but at most {MOST_BYTES:,} are allowed. Send less."
        )
    event = accepted_event(one_envelope(request), request)
    callback = PendingCallback.of(request.path["id"])
    if callback is None:
        raise Problem(404, "There is no callback with this id. Send the id that the request contained.")
    _check(callback, event)
    _complete(callback, encode(event))
    details = {"answer": event.contract.detail_type, "callback": callback.id, "caller": request.caller}
    observe.logger().info("answer accepted", extra=details)
    return response(202, {"answer": event.contract.detail_type})


def _check(callback: PendingCallback, event: Event) -> None:
    if event.contract.name not in callback.expected:
        name, known = event.contract.detail_type, " or ".join(each.partition(":")[2] for each in callback.expected)
        reason = f"should be {known}"
        raise Problem(422, f"This callback does not accept {name}: it {reason}.", [("type", name, reason)])


def _complete(callback: PendingCallback, envelope: Envelope) -> None:
    """Complete a callback. Raises Problem if it has a different answer, or if its task does not wait."""
    digest = _digest(envelope)
    if not (callback.sent or callback.is_open):
        raise Problem(
            503,
            "The task does not wait for this callback yet. Send the answer again in a moment.",
            retry_after=_RETRY_SECONDS,
        )
    try:
        if callback.complete(digest, envelope):
            return
    except DifferentAnswerError as error:
        raise Problem(409, "This callback has a different answer already, which cannot be changed.") from error
    if callback.may_be_retried:
        raise Problem(503, "The task is being retried. Send the answer again in a moment.", retry_after=_RETRY_SECONDS)
    raise Problem(410, "The task no longer waits for this answer: it has timed out or ended.")


def _digest(envelope: Envelope) -> str:
    """Return a digest of the type and data of an answer, without its id and time."""
    content = [envelope["source"], envelope["detail-type"], envelope["detail"]["data"]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
