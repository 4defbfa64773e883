"""The function behind `POST /callbacks/{id}`: the answer that a step waits for, as a CloudEvent.

Who sends it is known and checked as at the door for events. An answer is chosen in the table before it is sent on, so
that an id is good for one; whatever is killed in between, whoever answers sends it again.
"""

import hashlib
import json
from typing import Any

from millrace.events import Envelope, Event, encode
from millrace.runtime import observe
from millrace.runtime.api.http import Answer, Problem, Request, answer, answered
from millrace.runtime.api.ingress import event_in, one_envelope
from millrace.runtime.tokens import DifferentAnswerError, Waiting

MOST_BYTES = 100_000
"""Of an answer: with what the step has said, at most 200,000, it fits an item of the table, 400 KB.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""
_AGAIN_SECONDS = 5


def handler(payload: dict[str, Any], _context: Any) -> Answer:
    """Answer API Gateway."""
    return answered(payload, _answer)


def _answer(request: Request) -> Answer:
    if len(request.body) > MOST_BYTES:
        raise Problem(413, f"The answer has {len(request.body):,} bytes, and {MOST_BYTES:,} are taken. Send less.")
    event = event_in(one_envelope(request), request)
    waiting = Waiting.of(request.path["id"])
    if waiting is None:
        raise Problem(404, "There is no callback with this id. Send it as it was given to you.")
    _check(waiting, event)
    _give(waiting, encode(event))
    told = {"answer": event.contract.detail_type, "callback": waiting.id, "caller": request.caller}
    observe.logger().info("answer accepted", extra=told)
    return answer(202, {"answer": event.contract.detail_type})


def _check(waiting: Waiting, event: Event) -> None:
    if event.contract.name not in waiting.expected:
        name, known = event.contract.detail_type, " or ".join(each.partition(":")[2] for each in waiting.expected)
        reason = f"should be {known}"
        raise Problem(422, f"This callback is not answered with {name}: it {reason}.", [("type", name, reason)])


def _give(waiting: Waiting, envelope: Envelope) -> None:
    """Give a waiting its answer. Raises Problem where it has another one, or where nobody waits."""
    digest = _digest(envelope)
    if not (waiting.sent or waiting.is_open):
        raise Problem(503, "The callback cannot be answered yet. Send it again in a moment.", again=_AGAIN_SECONDS)
    try:
        if waiting.give(digest, envelope):
            return
    except DifferentAnswerError as error:
        raise Problem(409, "The callback has been answered with something else, and an answer stays.") from error
    if waiting.may_be_tried_again:
        raise Problem(503, "Nobody waits at the moment. Send it again in a moment.", again=_AGAIN_SECONDS)
    raise Problem(410, "Nobody waits for this answer any more: its time is over.")


def _digest(envelope: Envelope) -> str:
    """What makes two answers the same: what they say, not when or under which id."""
    said = [envelope["source"], envelope["detail-type"], envelope["detail"]["data"]]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
