"""The Lambda function behind `POST /commands/{name}` and `GET /openapi.json`.

A command is an event that requests something. It is validated against its contract and published to the bus. The
response is 202 with the path of the query that returns the result.
"""

import os
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from millrace.events import ContractError, Envelope, Event, Metadata, encode, new_event_id
from millrace.runtime import observe
from millrace.runtime.api.http import JSON, Problem, Request, Response, respond, response
from millrace.runtime.claims import claimed
from millrace.runtime.environment import event_types
from millrace.runtime.idempotency import Once
from millrace.runtime.priming import prime
from millrace.runtime.publisher import publisher
from millrace.runtime.records import InProgressError

COMMANDS = "MILLRACE_COMMANDS"
"""The environment variable with the commands: `module:Class`, separated by spaces."""
RESULT_PATHS = "MILLRACE_RESULT_PATHS"
"""The environment variable with the paths of the results: `Command=/path/{field}`, separated by spaces."""
DOCUMENT = "openapi.json"
"""The file with the OpenAPI description, in the code of the function."""
KEY_HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


prime()


def handler(payload: dict[str, Any], context: Any) -> Response:
    """Handle a request of API Gateway."""
    return respond(payload, lambda request: _route(request, context.get_remaining_time_in_millis()))


def _route(request: Request, milliseconds: int) -> Response:
    if request.route == f"GET /{DOCUMENT}":
        return response(200, _document())
    command = event_types(COMMANDS).get(request.path["command"])
    if command is None:
        known = ", ".join(event_types(COMMANDS)) or "none"
        raise Problem(404, f"There is no command {request.path['command']!r}. This API has: {known}.")
    return _accept(command, request, milliseconds)


def _accept(command: type[Event], request: Request, milliseconds: int) -> Response:
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
    """Publish the command once for its key, and return the published one. Raises Problem if that has other data."""
    metadata = envelope["detail"]["metadata"]
    once = Once(publisher().publish, replies=True)
    try:
        (published,) = once.do([(metadata["event_id"],)], milliseconds, lambda _new: [envelope])
    except InProgressError as error:
        raise Problem(409, f"A request with this {KEY_HEADER} is in progress. Send it again in a moment.") from error
    if _content(published) != _content(envelope):
        reason = "was sent with another command before"
        message = f"This {KEY_HEADER} {reason}: choose a new one for a new command."
        raise Problem(422, message, [(KEY_HEADER, metadata["idempotency_key"], reason)])
    return published


def _content(envelope: Envelope) -> Any:
    """Return the data, or its claim, which contains the hash of the data."""
    return {name: part for name, part in envelope["detail"].items() if name != "metadata"}


def _read(command: type[Event], data: Any) -> Event:
    if not isinstance(data, dict):
        raise Problem(
            422, f"{command.__name__} is not an object. Send a JSON object.", [("body", data, "should be an object")]
        )
    try:
        return command.read(data, tolerant=False)
    except ContractError as error:
        raise Problem.of(error) from error


def _metadata(command: type[Event], request: Request) -> Metadata:
    """Return the metadata of a new flow. With an idempotency key, its id is derived from caller, command and key."""
    key = _key(request.headers.get(KEY_HEADER))
    name = f"{request.caller}\n{command.contract.name}\n{key}"
    event_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name)) if key else new_event_id()
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


def _accepted(envelope: Envelope, event: Event) -> Response:
    metadata = envelope["detail"]["metadata"]
    path = _result_path(event)
    body = {
        "command": type(event).__name__,
        "event_id": metadata["event_id"],
        "correlation_id": metadata["correlation_id"],
        **({"result_path": path} if path else {}),
    }
    observe.logger().info("command accepted", extra={"flow": body})
    return response(202, body, {"location": path} if path else {})


def _result_path(event: Event) -> str | None:
    """Return the path of the query that returns the result of a command. The caller chose the values in it."""
    path = _result_paths().get(type(event).__name__)
    values = event.model_dump(mode="json")
    return path and path.format_map({name: quote(str(value), safe="") for name, value in values.items()})


@cache
def _result_paths() -> Mapping[str, str]:
    pairs: Iterable[str] = os.environ.get(RESULT_PATHS, "").split()
    return dict(pair.split("=", 1) for pair in pairs)


@cache
def _document() -> str:
    return (Path(os.environ["LAMBDA_TASK_ROOT"]) / DOCUMENT).read_text()
