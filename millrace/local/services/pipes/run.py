"""One batch in a pipe: enrichment, then target. A failure of an event is reported to the source, which retries it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
"""

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Failure
from millrace.local.core.errors import TargetError, UnsupportedPolicyError
from millrace.local.core.history import references
from millrace.local.core.json_text import parsed
from millrace.local.core.targets import attempt, send
from millrace.local.services.eventbridge import InputTransformError
from millrace.local.services.iam import Iam, Permission, unauthorized
from millrace.local.services.lambda_ import failed_items, service_error
from millrace.local.services.pipes import calls, targets
from millrace.local.services.pipes.templates import resolved, transformed
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_log = logging.getLogger(__name__)
Done = Callable[[Outcome | None], None]


class PipeRun:
    """Sends the records of one batch through a pipe. `done` gets the outcome in the form of a function's."""

    def __init__(
        self,
        region: "AccountRegion",
        pipe: Any,
        records: Sequence[dict[str, Any]],
        permissions: Sequence[str],
        done: Done,
    ) -> None:
        self.request_id = str(uuid.uuid4())
        self._region = region
        self._pipe = pipe
        self._records = records
        self._permissions = permissions
        self._done = done
        self._ingested = region.clock.now()

    def start(self) -> None:
        """Start with the enrichment, or with the target if there is none."""
        denied = self._denied()
        if denied:
            self._fail(denied)
            return
        events = [{**record.get("kinesis", {}), **_without(record, "kinesis")} for record in self._records]
        if not self._pipe.enrichment:
            self._send(events)
            return
        parameters = self._pipe.enrichment_parameters or {}
        self._call(self._pipe.enrichment, parameters.get("HttpParameters") or {}, parameters, events, self._enriched)

    def _enriched(self, result: Failure | bytes) -> None:
        if isinstance(result, Failure):
            self._fail(f"the enrichment failed: {result.message}")
        else:
            self._send(calls.events_in(result))

    def _send(self, events: list[Any]) -> None:
        pipe, parameters = self._pipe, self._pipe.target_parameters or {}
        if not events:
            self._succeed(b"")
        elif targets.waits_for(pipe) or targets.kind_of(pipe.target) == "api-destination":
            http = parameters.get("HttpParameters") or {}
            self._call(pipe.target, http, parameters, events, self._called)
        elif targets.takes_batches(pipe):
            self._send_whole(events)
        else:
            self._send_each(events)

    def _call(
        self, arn: str, http: dict[str, Any], parameters: dict[str, Any], events: list[Any], answered: calls.Answered
    ) -> None:
        """Call the enrichment or the target with all events, or an API destination with the only one."""
        try:
            bodies = [self._body(event, parameters) for event in events]
            http = resolved(http, events[0])
        except InputTransformError as error:
            answered(Failure("INVALID_JSON", str(error)))
            return
        if targets.kind_of(arn) == "api-destination":
            calls.call_api(self._region, self._pipe, arn, http, events[0], bodies[0], answered)
        else:
            calls.call(self._region, arn, _array(bodies), answered)

    def _called(self, result: Failure | bytes) -> None:
        if isinstance(result, Failure):
            self._fail(f"the target failed: {result.message}")
        else:
            self._succeed(self._with_ids_of_source(result) if targets.takes_batches(self._pipe) else b"")

    def _send_whole(self, events: list[Any]) -> None:
        try:
            body = _array([self._body(event, self._pipe.target_parameters or {}) for event in events])
        except InputTransformError as error:
            self._fail(str(error))
            return
        failure = attempt(lambda: send(self._region, {"Arn": self._pipe.target}, body))
        self._fail(failure.message) if failure else self._succeed(b"")

    def _send_each(self, events: list[Any]) -> None:
        """Send each event by itself. If the enrichment kept their number, only failed events are retried."""
        failed = [index for index, event in enumerate(events) if self._failure_of(event)]
        if failed and len(events) != len(self._records):
            self._fail("the target rejected an event")
        else:
            self._succeed(_report([_id_of(self._records[index]) for index in failed]))

    def _failure_of(self, event: Any) -> Failure | None:
        try:
            body = self._body(event, self._pipe.target_parameters or {})
        except InputTransformError as error:
            failure: Failure | None = Failure("INVALID_JSON", str(error))
        else:
            failure = targets.put(self._region, self._pipe, event, body)
        if failure:
            self._record(failure.message)
        return failure

    def _body(self, event: Any, parameters: dict[str, Any]) -> str:
        return transformed(event, parameters.get("InputTemplate"), self._pipe, self._ingested)

    def _with_ids_of_source(self, result: bytes) -> bytes:
        """Return a partial batch response with the sequence numbers of a stream, whose targets name event ids."""
        by_id = {str(record.get("eventID") or _id_of(record)): _id_of(record) for record in self._records}
        if not isinstance(parsed(result), dict):
            return b""  # only an object can be a partial batch response
        return _report([by_id[each] for each in failed_items(result, by_id.keys())])

    def _denied(self) -> str:
        """Return the first permission that the role of the pipe lacks, as a message; empty if it has all."""
        access, pipe = self._region.service(Iam).access, self._pipe
        if not access.enforce_iam:
            return ""
        needed = [Permission(name, pipe.source, {}) for name in self._permissions]
        if pipe.enrichment:
            needed.append(Permission(targets.action(pipe.enrichment, waits=True), pipe.enrichment, {}))
        waits = targets.waits_for(pipe)
        needed.append(Permission(targets.action(pipe.target, waits=waits), pipe.target, {}))
        try:
            denied = next(filter(None, (access.denied(pipe.role_arn, pipe.name, each) for each in needed)), None)
        except (UnsupportedPolicyError, LookupError, TargetError) as error:
            return str(error)
        return unauthorized(pipe.role_arn, denied) if denied else ""

    def _succeed(self, payload: bytes) -> None:
        self._done(Outcome("ok", payload, (), 0.0, None, 0, "none", self.request_id))

    def _fail(self, message: str) -> None:
        self._record(message)
        self._done(service_error(self.request_id, "PipeError", message))

    def _record(self, message: str) -> None:
        _log.warning("The pipe %s failed: %s", self._pipe.name, message)
        for about in references({"Records": list(self._records)}):
            self._region.history.add("refused", about, about.event, error=f"the pipe {self._pipe.name}: {message}")


def _without(record: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}


def _array(bodies: list[str]) -> str:
    """Return a JSON array. A template that writes no JSON writes a text."""
    return f"[{','.join(body if parsed(body) is not None else json.dumps(body) for body in bodies)}]"


def _id_of(record: dict[str, Any]) -> str:
    """Return the id by which the source knows a record."""
    stream = record.get("kinesis") or record.get("dynamodb")
    number = stream.get("sequenceNumber") or stream.get("SequenceNumber") if stream else record["messageId"]
    return str(number)


def _report(failed: Sequence[str]) -> bytes:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": each} for each in failed]}).encode()
