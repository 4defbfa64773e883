"""The function behind `POST /commands/{name}` and `GET /openapi.json`.

A command is an event that asks for something. It is held against its contract, put onto the bus, and answered with 202
and where to ask for what comes of it.
"""

import os
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from millrace.events import ContractError, Envelope, Event, Metadata, encode, new_event_id
from millrace.runtime import observe
from millrace.runtime.api.contracts import named
from millrace.runtime.api.http import JSON, Answer, Problem, Request, answer, answered
from millrace.runtime.claims import claimed
from millrace.runtime.idempotency import InProgressError, Once
from millrace.runtime.publisher import publisher

COMMANDS = "MILLRACE_COMMANDS"
"""The environment that names the commands: `module:class` each, with a space between them."""
RESULT_PATHS = "MILLRACE_RESULT_PATHS"
"""The environment that says where to ask: `Command=/path/{field}` each, with a space between them."""
DOCUMENT = "openapi.json"
"""The file of the API's own description, in the function's code."""
KEY_HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def handler(payload: dict[str, Any], context: Any) -> Answer:
    """Answer API Gateway."""
    return answered(payload, lambda request: _answer(request, context.get_remaining_time_in_millis()))


def _answer(request: Request, milliseconds: int) -> Answer:
    if request.route == f"GET /{DOCUMENT}":
        return answer(200, _document())
    command = named(COMMANDS).get(request.path["command"])
    if command is None:
        known = ", ".join(named(COMMANDS)) or "none"
        raise Problem(404, f"There is no command {request.path['command']!r}. This API takes: {known}.")
    return _accept(command, request, milliseconds)


def _accept(command: type[Event], request: Request, milliseconds: int) -> Answer:
    if request.content_type != JSON:
        reason = f"should be {JSON}"
        raise Problem(415, f"The content type {reason}.", [("content-type", request.content_type, reason)])
    event = _read(command, request.json())
    envelope = claimed(encode(event.stamped(_metadata(command, request))))
    if KEY_HEADER in request.headers:
        return _accepted(_once(envelope, milliseconds), event)
    publisher().publish([envelope])
    return _accepted(envelope, event)


def _once(envelope: Envelope, milliseconds: int) -> Envelope:
    """What was said for the key, now or before. Raises Problem where that was something else."""
    metadata = envelope["detail"]["metadata"]
    once = Once(publisher().publish, replies=True)
    try:
        (said,) = once.do([(metadata["event_id"],)], milliseconds, lambda _new: [envelope])
    except InProgressError as error:
        raise Problem(409, f"A request with this {KEY_HEADER} is under way. Send it again in a moment.") from error
    if _content(said) != _content(envelope):
        reason = "was sent with another command before"
        told = f"This {KEY_HEADER} {reason}: choose a new one for a new command."
        raise Problem(422, told, [(KEY_HEADER, metadata["idempotency_key"], reason)])
    return said


def _content(envelope: Envelope) -> Any:
    """The data, or its claim, which has the hash of it."""
    return {name: part for name, part in envelope["detail"].items() if name != "metadata"}


def _read(command: type[Event], data: Any) -> Event:
    if not isinstance(data, dict):
        raise Problem(422, f"{command.__name__} is an object.", [("body", data, "should be an object")])
    try:
        return command.read(data, tolerant=False)
    except ContractError as error:
        raise Problem.of(error) from error


def _metadata(command: type[Event], request: Request) -> Metadata:
    """A flow of its own. With an idempotency key, its id follows from caller, command and key."""
    key = _key(request.headers.get(KEY_HEADER))
    whose = f"{request.caller}\n{command.contract.name}\n{key}"
    event_id = str(uuid.uuid5(uuid.NAMESPACE_URL, whose)) if key else new_event_id()
    trace = request.headers.get("traceparent", "")
    return Metadata(
        event_id=event_id,
        correlation_id=event_id,
        occurred_at=datetime.now(UTC),
        producer=request.caller or "api",
        version=command.contract.version,
        idempotency_key=key,
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else observe.traceparent(),
    )


def _key(given: str | None) -> str | None:
    if given is not None and not _KEY.fullmatch(given):
        reason = "should be 1 to 255 printable ASCII characters"
        raise Problem(400, f"The {KEY_HEADER} {reason}.", [(KEY_HEADER, given, reason)])
    return given


def _accepted(envelope: Envelope, event: Event) -> Answer:
    metadata = envelope["detail"]["metadata"]
    where = _where(event)
    body = {
        "command": type(event).__name__,
        "event_id": metadata["event_id"],
        "correlation_id": metadata["correlation_id"],
        **({"result_path": where} if where else {}),
    }
    observe.logger().info("command accepted", extra={"flow": body})
    return answer(202, body, {"location": where} if where else {})


def _where(event: Event) -> str | None:
    """Where the caller can ask what came of a command."""
    path = _asks().get(type(event).__name__)
    return path and path.format_map(event.model_dump(mode="json"))


@cache
def _asks() -> Mapping[str, str]:
    pairs: Iterable[str] = os.environ.get(RESULT_PATHS, "").split()
    return dict(pair.split("=", 1) for pair in pairs)


@cache
def _document() -> str:
    return (Path(os.environ["LAMBDA_TASK_ROOT"]) / DOCUMENT).read_text()
