"""Definitions of state machines: `parse` gives typed states, `validate` the diagnostics."""

from millrace.local.services.stepfunctions.interpreter.definition.diagnostics import InvalidDefinitionError
from millrace.local.services.stepfunctions.interpreter.definition.resources import Resource, parse_resource
from millrace.local.services.stepfunctions.interpreter.definition.states import (
    Catcher,
    ChoiceState,
    FailState,
    ItemReader,
    MapState,
    ParallelState,
    PassState,
    ResultWriter,
    Retrier,
    State,
    StateMachine,
    SucceedState,
    TaskState,
    WaitState,
    WorkState,
    inner_machines,
)
from millrace.local.services.stepfunctions.interpreter.definition.validation import parse, validate
from millrace.local.services.stepfunctions.interpreter.expressions import Field

__all__ = [
    "Catcher",
    "ChoiceState",
    "FailState",
    "Field",
    "InvalidDefinitionError",
    "ItemReader",
    "MapState",
    "ParallelState",
    "PassState",
    "Resource",
    "ResultWriter",
    "Retrier",
    "State",
    "StateMachine",
    "SucceedState",
    "TaskState",
    "WaitState",
    "WorkState",
    "inner_machines",
    "parse",
    "parse_resource",
    "validate",
]
