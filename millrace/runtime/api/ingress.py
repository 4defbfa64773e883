"""The Lambda function behind `POST /events`: external CloudEvents 1.0, structured, binary, or a batch of them.

A batch is accepted as a whole or rejected. An event that is not declared, that its caller may not publish, or that
breaks its contract is rejected with the reason, and is not published.
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
from millrace.runtime.api.http import JSON, Problem, Request, Response, respond, response
from millrace.runtime.claims import claimed
from millrace.runtime.environment import event_types
from millrace.runtime.priming import prime
from millrace.runtime.publisher import publisher

EVENTS, CALLERS, AUTHORIZER = "MILLRACE_EXTERNAL_EVENTS", "MILLRACE_CALLERS", "MILLRACE_AUTHORIZER"
"""The environment variables with the events, the callers as `{"source": ["pattern"]}`, and the authorizer."""
BATCH = "application/cloudevents-batch+json"
SCOPE = "events:{}"
"""The scope that a token needs to publish the events of a source."""
MOST = 100
"""Maximum events of a batch."""


prime()


def handler(payload: dict[str, Any], _context: Any) -> Response:
    """Handle a request of API Gateway."""
    return respond(payload, _accept)


def _accept(request: Request) -> Response:
    events = [accepted_event(envelope, request) for envelope in _envelopes(request)]
    publisher().publish([claimed(encode(event)) for event in events])
    ids = [{"event_id": e.metadata.event_id, "correlation_id": e.metadata.correlation_id} for e in events]
    observe.logger().info("events accepted", extra={"caller": request.caller, "events": ids})
    return response(202, {"accepted": ids})


def _envelopes(request: Request) -> list[Envelope]:
    if request.content_type != BATCH:
        return [one_envelope(request, also=f" {BATCH},")]
    try:
        return [from_cloudevent(each) for each in _batch(request.json())]
    except ContractError as error:
        raise Problem.of(error, 400) from error


def one_envelope(request: Request, also: str = "") -> Envelope:
    """Return the only CloudEvent of a request. Raises Problem, which lists the content type `also`."""
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


def accepted_event(envelope: Envelope, request: Request) -> Event:
    """Return the event of an envelope if its caller may publish it and it fits its contract. Raises Problem."""
    source, name = envelope["source"], envelope["detail-type"]
    event_type = _declared().get((source, name))
    if event_type is None:
        known = ", ".join(" from ".join(reversed(key)) for key in _declared())
        message = f"This endpoint does not accept {name!r} from {source!r}, only: {known}."
        raise Problem(403, message, [("type", name, "is not declared"), ("source", source, "is not declared")])
    if not _may_publish(request, source):
        message = f"{request.caller or 'A caller without identity'} may not publish events of {source}."
        raise Problem(403, message, [("source", source, "is not allowed for this caller")])
    try:
        return _as_root(decode(envelope, event_type))
    except ContractError as error:
        raise Problem.of(error) from error
    except UnknownVersionError as error:
        raise Problem(422, str(error), [("version", envelope["detail"]["metadata"]["version"], str(error))]) from error


def _as_root(event: Event) -> Event:
    """Reset the metadata that an external event cannot set: its source is its producer, without cause or stream."""
    reset = {"producer": event.contract.source, "hops": 0}
    reset |= dict.fromkeys(("causation_id", "path", "stream", "stream_version"))
    return event.stamped(event.metadata.model_copy(update=reset))


def _may_publish(request: Request, source: str) -> bool:
    """Whether a token has the scope of the source, and the caller is one that the construct names, if it names any."""
    if os.environ[AUTHORIZER] == "jwt" and SCOPE.format(source) not in request.scopes:
        return False
    callers = _callers().get(source)
    return callers is None or any(fnmatchcase(request.caller, pattern) for pattern in callers)


@cache
def _declared() -> dict[tuple[str, str], type[Event]]:
    return {(event.contract.source, event.contract.detail_type): event for event in event_types(EVENTS).values()}


@cache
def _callers() -> Mapping[str, list[str]]:
    callers: Mapping[str, list[str]] = json.loads(os.environ.get(CALLERS) or "{}")
    return callers
