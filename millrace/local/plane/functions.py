"""Lambda functions: invoked at once, or asynchronously with retries and destinations."""

import hashlib
import io
import json
import shutil
import uuid
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millrace.local.clock import iso_millis
from millrace.local.journal import Reference, references
from millrace.local.plane import queues
from millrace.local.plane.delivery import Delivery, Done, Ending, Failure, Policy, async_pause
from millrace.local.workers import FunctionSpec, Outcome

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

ASYNC_RETRIES = 2
ASYNC_MAX_AGE = 6 * 3600
"""Retries and seconds. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""


class Functions:
    """Runs the functions that moto keeps, in workers."""

    def __init__(self, plane: "Plane", code: Path) -> None:
        self._plane = plane
        self._code = code
        self._specs: dict[str, FunctionSpec] = {}
        self._running: Counter[str] = Counter()

    def find(self, name: str) -> Any:
        """Moto's function of a name or ARN. Raises LookupError."""
        from moto.awslambda.exceptions import UnknownFunctionException  # noqa: PLC0415

        try:
            return self._plane.state.lambda_.get_function(name)
        except UnknownFunctionException as error:
            raise LookupError(f"Function not found: {name}") from error

    def name_of(self, arn: str) -> str:
        """The display name of a function, also of one that is gone."""
        try:
            return display_name(self.find(arn))
        except LookupError:
            return arn.rpartition(":")[2]

    def changed(self) -> None:
        """Look at code and configuration afresh, and end the workers of what has changed."""
        former, self._specs = self._specs, {}
        for name, spec in former.items():
            try:
                same = self.spec(self.find(name)) == spec
            except LookupError:
                same = False
            if not same:
                self._plane.workers.retire(name)

    def known(self) -> list[str]:
        """The names of the functions that have run."""
        return list(self._specs)

    def forget(self) -> None:
        """Forget every function."""
        self._specs.clear()

    def spec(self, function: Any) -> FunctionSpec:
        """What a worker needs to know of a function."""
        name = function.function_name
        if name not in self._specs:
            self._specs[name] = FunctionSpec(
                name=name,
                arn=function.function_arn,
                version="$LATEST",
                handler=function.handler,
                code=self._unpacked(function.code_bytes),
                layers=tuple(self._layer(layer["Arn"]) for layer in function.layers),
                environment={
                    **_log_settings(function),
                    **function.environment_vars,
                    **self._plane.access.credentials(function),
                },
                timeout=float(function.timeout),
                memory_mb=int(function.memory_size),
                log_group=self._plane.logs.group_of(function),
            )
        return self._specs[name]

    def _layer(self, arn: str) -> Path:
        return self._unpacked(self._plane.state.lambda_.layers_versions_by_arn(arn).code_bytes)

    def _unpacked(self, archive: bytes) -> Path:
        """The folder of an archive's files; unpacked once for each content."""
        folder = self._code / hashlib.sha256(archive).hexdigest()[:32]
        if not folder.exists():
            scratch = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}")
            with zipfile.ZipFile(io.BytesIO(archive)) as packed:
                packed.extractall(scratch)
            try:
                scratch.rename(folder)
            except OSError:  # another process was first, with the same content
                shutil.rmtree(scratch)
        return folder

    def invoke(
        self, function: Any, payload: bytes, done: Callable[[Outcome | None], None], *, urgent: bool = False
    ) -> str:
        """Run a function once. `done` gets the outcome, or None if it was throttled. Gives the request id."""
        request_id = str(uuid.uuid4())
        name = function.function_name
        limit = function.reserved_concurrency
        if limit is not None and self._running[name] >= int(limit):
            done(None)
            return request_id
        self._running[name] += 1
        release = self._plane.agenda.hold(f"function {name}")
        began = self._plane.clock.now()
        about = references(_parsed(payload))

        def ended(outcome: Outcome) -> None:
            self._running[name] -= 1
            try:
                self._plane.logs.write(function, outcome, began)
                self._remember(function, outcome, began, about)
                done(outcome)
            finally:
                release()

        self._plane.workers.invoke(self.spec(function), payload, request_id, ended, urgent=urgent)
        return request_id

    def _remember(self, function: Any, outcome: Outcome, began: float, about: list[Reference]) -> None:
        failed = _failed_records(outcome)
        told = _told_errors(outcome)
        for event in about:
            bad = outcome.status != "ok" or event.key in failed
            error = told.get(event.event_id) or (_error(outcome) if outcome.status != "ok" else "failed")
            self._plane.journal.add(
                "attempt",
                event,
                display_name(function),
                at=began,
                duration_ms=outcome.duration_ms,
                outcome=outcome.status if outcome.status != "ok" or not bad else "error",
                error=error if bad else None,
                attempt=event.attempt,
                execution=event.execution,
                event=event.event,
            )

    def invoke_async(self, function: Any, payload: bytes) -> str:
        """Queue an asynchronous invocation: two retries, six hours at most, then the destinations.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
        """
        request_id = str(uuid.uuid4())
        config = function.event_invoke_config[-1].config if function.event_invoke_config else {}
        policy = Policy(
            retries=config.get("MaximumRetryAttempts", ASYNC_RETRIES),
            max_age=config.get("MaximumEventAgeInSeconds", ASYNC_MAX_AGE),
            pause=async_pause,
        )
        destinations = config.get("DestinationConfig", {})
        last: list[Outcome] = []

        def send(done: Done, _attempt: int) -> None:
            self.invoke(function, payload, lambda outcome: done(judge(outcome)))

        def judge(outcome: Outcome | None) -> Failure | None:
            if outcome is None:
                return Failure("TooManyRequestsException", "Rate Exceeded.", counted=False)
            last[:] = [outcome]
            if outcome.status == "ok":
                self._to_destination(destinations.get("OnSuccess"), function, payload, request_id, outcome, None)
                return None
            return Failure("FunctionError", _error(outcome))

        def give_up(ending: Ending) -> None:
            outcome = last[-1] if last else None
            self._to_destination(destinations.get("OnFailure"), function, payload, request_id, outcome, ending)
            self._to_own_queue(function, payload, request_id, ending)

        Delivery(self._plane.agenda, f"invocation of {function.function_name}", policy, send, give_up).start()
        return request_id

    def _to_destination(
        self,
        destination: dict[str, Any] | None,
        function: Any,
        payload: bytes,
        request_id: str,
        outcome: Outcome | None,
        ending: Ending | None,
    ) -> None:
        if not destination or not destination.get("Destination"):
            return
        record = _invocation_record(function, payload, request_id, outcome, ending, self._plane.clock.now())
        arn = destination["Destination"]
        self._plane.targets.forward(arn, json.dumps(record))
        if ending:
            self._plane.remember_dead_letter(references(_parsed(payload)), arn, display_name(function))

    def _to_own_queue(self, function: Any, payload: bytes, request_id: str, ending: Ending) -> None:
        """The function's own dead-letter queue.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
        """
        arn = (getattr(function, "dead_letter_config", None) or {}).get("TargetArn")
        if arn:
            attributes = {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": ending.failure.message[:1024]}
            queues.send(self._plane.state, arn, payload.decode(), attributes)
            self._plane.remember_dead_letter(references(_parsed(payload)), arn, display_name(function))


def _log_settings(function: Any) -> dict[str, str]:
    """What tells AWS's runtime client how to log."""
    config = getattr(function, "logging_config", None) or {}
    if config.get("LogFormat") != "JSON":
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": config.get("ApplicationLogLevel", "INFO")}


def display_name(function: Any) -> str:
    """The name that a person knows a function by: the one it publishes under, or its own."""
    return str(function.environment_vars.get("POWERTOOLS_SERVICE_NAME") or function.function_name)


def _parsed(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return None  # a payload that is no JSON is about no event


def _error(outcome: Outcome) -> str:
    told = _parsed(outcome.payload) or {}
    return f"{told.get('errorType', outcome.status)}: {told.get('errorMessage', '')}"


def _failed_records(outcome: Outcome) -> set[str]:
    answer = _parsed(outcome.payload) if outcome.status == "ok" else None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return {failure.get("itemIdentifier", "") for failure in failures or []}


def _told_errors(outcome: Outcome) -> dict[str, str]:
    """The errors that the kit's runtime logged, by event id."""
    told = {}
    for line in outcome.log:
        flow = (_parsed(line.encode()) or {}).get("flow") if '"flow"' in line else None
        if isinstance(flow, dict) and "error" in flow:
            told[str(flow.get("event_id"))] = f"{flow['error']['type']}: {flow['error']['message']}"
    return told


def _invocation_record(
    function: Any, payload: bytes, request_id: str, outcome: Outcome | None, ending: Ending | None, now: float
) -> dict[str, Any]:
    """What a destination is sent.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-async-destinations
    """
    aged = ending is not None and ending.exhausted == "MaximumEventAgeInSeconds"
    condition = "Success" if ending is None else "EventAgeExceeded" if aged else "RetriesExhausted"
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso_millis(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.function_arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": ending.retries + 1 if ending else 1,
        },
        "requestPayload": _parsed(payload),
    }
    if outcome is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if outcome.status != "ok":
            record["responseContext"]["functionError"] = "Unhandled"
        record["responsePayload"] = _parsed(outcome.payload)
    return record
