"""Outcomes of invocations, as other rooms read them."""

from typing import Any

from millrace.local.core.json_text import parsed
from millrace.local.workers import Outcome


def display_name(function: Any) -> str:
    """The name that a person knows a function by: the one it publishes under, or its own."""
    return str(function.environment_vars.get("POWERTOOLS_SERVICE_NAME") or function.function_name)


def error_of(outcome: Outcome) -> str:
    """The error that a function told, or how it ended."""
    told = parsed(outcome.payload)
    told = told if isinstance(told, dict) else {}
    return f"{told.get('errorType', outcome.status)}: {told.get('errorMessage', '')}"


def failed_records(outcome: Outcome) -> set[str]:
    """The ids of the records that a function says have failed."""
    answer = parsed(outcome.payload) if outcome.status == "ok" else None
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    if not isinstance(failures, list):
        return set()
    return {str(failure.get("itemIdentifier", "")) for failure in failures if isinstance(failure, dict)}


def told_errors(outcome: Outcome) -> dict[str, str]:
    """The errors that the kit's runtime logged, by event id."""
    told = {}
    for line in outcome.log:
        flow = (parsed(line.encode()) or {}).get("flow") if '"flow"' in line else None
        if isinstance(flow, dict) and "error" in flow:
            told[str(flow.get("event_id"))] = f"{flow['error']['type']}: {flow['error']['message']}"
    return told
