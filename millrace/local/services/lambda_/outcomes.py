"""Outcomes of invocations: errors, failed records, and their events' attempts in the event history."""

import json
from typing import TYPE_CHECKING, Any

from millrace.local.core.history import Reference
from millrace.local.core.json_text import parsed
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


_STREAMS = (b'"eventSource": "aws:kinesis"', b'"eventSource": "aws:dynamodb"')


def display_name(function: Any) -> str:
    """Return POWERTOOLS_SERVICE_NAME, under which a function publishes, or else the function's name."""
    return str(function.environment_vars.get("POWERTOOLS_SERVICE_NAME") or function.function_name)


def error_of(outcome: Outcome) -> str:
    """Return the error that a function returned, or the status with which it ended."""
    error = parsed(outcome.payload)
    error = error if isinstance(error, dict) else {}
    return f"{error.get('errorType', outcome.status)}: {error.get('errorMessage', '')}"


def is_ordered(payload: bytes) -> bool:
    """Return whether a payload is a batch of a FIFO queue or a stream, which Lambda delivers in order."""
    return any(mark in payload for mark in _STREAMS) or b'"MessageGroupId"' in payload


def service_error(request_id: str, error_type: str, message: str) -> Outcome:
    """Return the outcome of an invocation for which Lambda does not run the function.

    https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
    """
    error = json.dumps({"errorType": error_type, "errorMessage": message})
    return Outcome("error", error.encode(), (), 0.0, None, 0, "none", request_id)


def record_attempts(
    region: "AccountRegion", function: Any, outcome: Outcome, began: float, events: list[Reference]
) -> None:
    """Add the attempt for each event of an invocation to the event history."""
    failed, logged = _failed_records(outcome), _logged_errors(outcome)
    for event in events:
        error = logged.get(event.event_id)
        if error is None and outcome.status != "ok":
            error = error_of(outcome)
        elif error is None and event.key in failed:
            error = "failed"
        region.history.add(
            "attempt",
            event,
            display_name(function),
            at=began,
            duration_ms=outcome.duration_ms,
            outcome="error" if outcome.status == "ok" and error is not None else outcome.status,
            error=error,
            attempt=event.attempt,
            execution=event.execution,
            event=event.event,
        )


def _failed_records(outcome: Outcome) -> set[str]:
    """Return the ids in a partial batch response."""
    may_have = outcome.status == "ok" and b"batchItemFailures" in outcome.payload
    response = parsed(outcome.payload) if may_have else None
    failures = response.get("batchItemFailures") if isinstance(response, dict) else None
    if not isinstance(failures, list):
        return set()
    return {str(failure.get("itemIdentifier", "")) for failure in failures if isinstance(failure, dict)}


def _logged_errors(outcome: Outcome) -> dict[str, str]:
    """Return the errors that Millrace's runtime logged, by event id."""
    errors = {}
    for line in outcome.log:
        flow = (parsed(line.encode()) or {}).get("flow") if '"flow"' in line else None
        if isinstance(flow, dict) and "error" in flow:
            errors[str(flow.get("event_id"))] = f"{flow['error']['type']}: {flow['error']['message']}"
    return errors
