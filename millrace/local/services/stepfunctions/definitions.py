"""Definitions: parsed once for each text, and refused by name where the local cloud cannot run them."""

import functools
import logging
from collections.abc import Iterator

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.interpreter.definition import (
    InvalidDefinitionError,
    MapState,
    State,
    StateMachine,
    TaskState,
    inner_machines,
    parse,
    validate,
)
from millrace.local.services.stepfunctions.interpreter.integrations import not_run
from millrace.local.services.stepfunctions.requests import Params, Result

_log = logging.getLogger(__name__)
MAX_DIAGNOSTICS = 100
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html"""
_MAX_PARSED = 256


@functools.lru_cache(_MAX_PARSED)
def parsed(definition: str, *, express: bool = False) -> StateMachine:
    """Return the definition of a text. Raises InvalidDefinitionError."""
    return parse(definition, express=express)


def check_definition(definition: str, *, express: bool) -> None:
    """Raise ApiError for a definition that is invalid, or that the local cloud cannot run.

    A task of a service that the local cloud does not have is reported: an execution that reaches it fails, unless it is
    mocked.
    """
    try:
        machine = parsed(definition, express=express)
    except InvalidDefinitionError as error:
        raise ApiError("InvalidDefinition", str(error)) from error
    reason = next((reason for state in all_states(machine) if (reason := _unsupported(state))), None)
    if reason:
        raise ApiError("InvalidDefinition", f"Invalid State Machine Definition: 'The local cloud {reason}.'")
    for state in all_states(machine):
        if isinstance(state, TaskState) and (reason := not_run(state.resource, state.name)):
            _log.warning("The local cloud %s. An execution that reaches the state fails.", reason)


def all_states(machine: StateMachine) -> Iterator[State]:
    """Yield the states of a state machine, at any depth."""
    waiting = [machine]
    while waiting:
        for state in waiting.pop().states.values():
            yield state
            waiting += inner_machines(state)


def _unsupported(state: State) -> str | None:
    """Return what the local cloud does not do of a state."""
    reader = state.item_reader if isinstance(state, MapState) else None
    if reader and reader.input_type == "PARQUET":
        return f"does not read items in PARQUET (state '{state.name}')"
    if reader and reader.transformation not in (None, "NONE"):
        return f"does not read items with the Transformation {reader.transformation} (state '{state.name}')"
    return None


def validate_definition(params: Params) -> Result:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html."""
    found = validate(params["definition"], express=params.get("type") == "EXPRESS")
    invalid = any(each.severity == "ERROR" for each in found)
    if params.get("severity", "ERROR") == "ERROR":
        found = [each for each in found if each.severity == "ERROR"]
    count = params.get("maxResults") or MAX_DIAGNOSTICS
    diagnostics = [
        {"severity": each.severity, "code": each.code, "message": each.message}
        | ({"location": each.location} if each.location else {})
        for each in found[:count]
    ]
    return {"result": "FAIL" if invalid else "OK", "diagnostics": diagnostics, "truncated": len(found) > count}
