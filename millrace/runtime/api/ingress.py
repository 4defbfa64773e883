"""The function behind `POST /events`: CloudEvents 1.0 from outside, structured, binary, or a batch of them.

A batch is taken whole or not at all. What is not declared, may not be said by its caller, or breaks its contract is
refused by name, and never reaches the bus.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import json
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from millrace.events import ContractError, Envelope, Event, UnknownVersionError, decode, encode
from millrace.events.cloudevents import STRUCTURED, from_cloudevent, from_http
from millrace.runtime import observe
from millrace.runtime.api.contracts import named
from millrace.runtime.api.http import JSON, Answer, Problem, Request, answer, answered
from millrace.runtime.claims import claimed
from millrace.runtime.publisher import publisher

EVENTS, CALLERS, AUTHORIZER = "MILLRACE_EXTERNAL_EVENTS", "MILLRACE_CALLERS", "MILLRACE_AUTHORIZER"
"""The environment: the events, `{"source": ["pattern of a caller"]}`, and how callers are known."""
BATCH = "application/cloudevents-batch+json"
SCOPE = "events:{}"
"""The scope that a token needs to say a source's events."""
MOST = 100
"""Events of one batch."""


def handler(payload: dict[str, Any], _context: Any) -> Answer:
    """Answer API Gateway."""
    return answered(payload, _answer)


def _answer(request: Request) -> Answer:
    events = [event_in(envelope, request) for envelope in _envelopes(request)]
    publisher().publish([claimed(encode(event)) for event in events])
    told = [{"event_id": e.metadata.event_id, "correlation_id": e.metadata.correlation_id} for e in events]
    observe.logger().info("events accepted", extra={"caller": request.caller, "events": told})
    return answer(202, {"accepted": told})


def _envelopes(request: Request) -> list[Envelope]:
    if request.content_type != BATCH:
        return [one_envelope(request, also=f" {BATCH},")]
    try:
        return [from_cloudevent(each) for each in _batch(request.json())]
    except ContractError as error:
        raise Problem.of(error, 400) from error


def one_envelope(request: Request, also: str = "") -> Envelope:
    """The one CloudEvent of a request. Raises Problem, which names what is taken `also`."""
    if request.content_type not in (STRUCTURED, JSON):
        reason = f"should be {STRUCTURED},{also} or {JSON} with ce- headers"
        raise Problem(415, f"The content type {reason}.", [("content-type", request.content_type, reason)])
    try:
        return from_http(request.headers, json.dumps(request.json()))
    except ContractError as error:
        raise Problem.of(error, 400) from error


def _batch(given: Any) -> list[Any]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        reason = f"should be a list of 1 to {MOST} CloudEvents"
        raise Problem(400, f"The body {reason}.", [("body", given, reason)])
    return given


def event_in(envelope: Envelope, request: Request) -> Event:
    """The event in an envelope, whose caller may say it and which keeps its contract. Raises Problem."""
    source, name = envelope["source"], envelope["detail-type"]
    event_type = _declared().get((source, name))
    if event_type is None:
        known = ", ".join(" from ".join(reversed(key)) for key in _declared())
        told = f"This door takes no {name!r} from {source!r}, only: {known}."
        raise Problem(403, told, [("type", name, "is not declared"), ("source", source, "is not declared")])
    if not _may_say(request, source):
        told = f"{request.caller or 'Nobody'} may not say what {source} says."
        raise Problem(403, told, [("source", source, "is another's")])
    try:
        return _its_own(decode(envelope, event_type))
    except ContractError as error:
        raise Problem.of(error) from error
    except UnknownVersionError as error:
        raise Problem(422, str(error), [("version", envelope["detail"]["metadata"]["version"], str(error))]) from error


def _its_own(event: Event) -> Event:
    """An event from outside has no cause and no stream in here, and its source has made it, whatever it says."""
    told = {"producer": event.contract.source, "hops": 0}
    told |= dict.fromkeys(("causation_id", "path", "stream", "stream_version"))
    return event.stamped(event.metadata.model_copy(update=told))


def _may_say(request: Request, source: str) -> bool:
    """A token needs the source's scope; where the construct names callers, nobody else may."""
    if os.environ[AUTHORIZER] == "jwt" and SCOPE.format(source) not in request.scopes:
        return False
    callers = _callers().get(source)
    return callers is None or any(fnmatchcase(request.caller, pattern) for pattern in callers)


@cache
def _declared() -> dict[tuple[str, str], type[Event]]:
    return {(event.contract.source, event.contract.detail_type): event for event in named(EVENTS).values()}


@cache
def _callers() -> Mapping[str, list[str]]:
    callers: Mapping[str, list[str]] = json.loads(os.environ.get(CALLERS) or "{}")
    return callers
