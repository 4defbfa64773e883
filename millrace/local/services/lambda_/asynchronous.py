"""Asynchronous invocations: queue, retry, and send records to destinations.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import contextlib
import uuid
from typing import TYPE_CHECKING, Any

from millrace.local.core.clock import iso_millis
from millrace.local.core.delivery import Delivery, Done, Failure, FinalFailure, RetryPolicy, async_retry_delay
from millrace.local.core.history import references
from millrace.local.core.json_text import parsed
from millrace.local.core.targets import send_record
from millrace.local.services.lambda_.destinations import send_to_destination
from millrace.local.services.lambda_.invoke_config_moto_changes import invoke_config, qualified
from millrace.local.services.lambda_.outcomes import display_name, error_of
from millrace.local.services.lambda_.recursion import RECURSIVE, is_recursive
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.services.lambda_.functions import Functions

DEFAULT_RETRIES = 2
DEFAULT_MAX_AGE = 6 * 3600
"""In seconds. https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
_CONDITIONS = {"MaximumEventAgeInSeconds": "EventAgeExceeded", "MaximumRetryAttempts": "RetriesExhausted"}


class AsyncInvocation:
    """One asynchronous invocation with its retries."""

    def __init__(
        self,
        region: "AccountRegion",
        functions: "Functions",
        function: Any,
        payload: bytes,
        trace_header: str = "",
    ) -> None:
        self.request_id = str(uuid.uuid4())
        self._region = region
        self._functions = functions
        self._function = function
        self._payload = payload
        self._trace_header = trace_header
        self._config = invoke_config(region.backends.lambda_, function.function_arn)
        self._last_outcome: Outcome | None = None
        self._calls = 0

    def start(self) -> None:
        """Queue the invocation."""
        policy = RetryPolicy(
            retries=self._config.get("MaximumRetryAttempts", DEFAULT_RETRIES),
            max_age=self._config.get("MaximumEventAgeInSeconds", DEFAULT_MAX_AGE),
            delay=async_retry_delay,
        )
        what = f"invocation of {self._function.function_name}"
        Delivery(self._region.scheduler, what, policy, self._send, self._failed).start()

    def _send(self, done: Done, _attempt: int) -> None:
        functions = self._functions
        try:
            function = functions.find(self._function.function_arn)
        except LookupError as error:
            done(Failure("ResourceNotFoundException", str(error.args[0]), retriable=False))
            return
        if functions.reserved_concurrency(function) == 0:
            done(Failure("ZeroReservedConcurrency", "The reserved concurrency is zero.", retriable=False))
            return
        if is_recursive(function, self._trace_header):
            done(Failure("RecursiveInvocationException", RECURSIVE, retriable=False))
            return
        functions.invoke(
            function,
            self._payload,
            lambda outcome: done(self._failure(outcome)),
            request_id=self.request_id,
            trace_headers=[self._trace_header],
        )

    def _failure(self, outcome: Outcome | None) -> Failure | None:
        if outcome is None:
            return Failure("TooManyRequestsException", "Rate Exceeded.", counted=False)
        self._last_outcome = outcome
        self._calls += 1
        if outcome.status != "ok":
            return Failure("FunctionError", error_of(outcome))
        self._send_record("OnSuccess", "Success")
        return None

    def _failed(self, final: FinalFailure) -> None:
        if final.failure.code == "ResourceNotFoundException":
            return  # deleting a function deletes its queued events
        condition = _CONDITIONS.get(final.exhausted or "", final.failure.code)
        if arn := self._send_record("OnFailure", condition):
            self._record_dead_letter(arn)
        self._send_dead_letter(final)

    def _send_record(self, kind: str, condition: str) -> str | None:
        """Send the invocation record to the destination of a kind and return its ARN; None if it has none."""
        destination = (self._config.get("DestinationConfig") or {}).get(kind) or {}
        arn: str | None = destination.get("Destination")
        if arn:
            folder = f"aws/lambda/async/{self._function.function_name}"
            send_to_destination(self._region, arn, self._record(condition), folder=folder)
        return arn

    def _record(self, condition: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html."""
        arn = self._function.function_arn
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": iso_millis(self._region.clock.now()),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": qualified(arn),
                "condition": condition,
                "approximateInvokeCount": self._calls,
            },
            "requestPayload": parsed(self._payload),
        }
        if self._last_outcome is not None:
            record["responseContext"] = {"statusCode": 200, "executedVersion": str(self._function.version)}
            if self._last_outcome.status != "ok":
                record["responseContext"]["functionError"] = "Unhandled"
            record["responsePayload"] = parsed(self._last_outcome.payload)
        return record

    def _send_dead_letter(self, final: FinalFailure) -> None:
        """Send the event to the function's dead-letter queue or topic, with the error in attributes.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
        """
        arn = (getattr(self._function, "dead_letter_config", None) or {}).get("TargetArn")
        if not arn:
            return
        throttled = self._last_outcome is None
        attributes = {
            "RequestID": {"DataType": "String", "StringValue": self.request_id},
            "ErrorCode": {"DataType": "Number", "StringValue": "429" if throttled else "200"},
            "ErrorMessage": {"DataType": "String", "StringValue": self._error_text(final)[:1024]},
        }
        with contextlib.suppress(LookupError):  # AWS publishes only a metric for a deleted queue
            send_record(self._region, arn, self._payload.decode(), attributes)
        self._record_dead_letter(arn)

    def _error_text(self, final: FinalFailure) -> str:
        """Return the function's own error message, without its type."""
        error = parsed(self._last_outcome.payload) if self._last_outcome else None
        return (
            str(error["errorMessage"]) if isinstance(error, dict) and "errorMessage" in error else final.failure.message
        )

    def _record_dead_letter(self, arn: str) -> None:
        self._region.record_dead_letter(references(parsed(self._payload)), arn, display_name(self._function))
