"""Definitions of state machines: `parse` gives typed states, `validate` the diagnostics."""

from millrace.local.services.stepfunctions.interpreter.definition.diagnostics import Diagnostic, InvalidDefinitionError
from millrace.local.services.stepfunctions.interpreter.definition.parser import parse
from millrace.local.services.stepfunctions.interpreter.definition.resources import Resource, parse_resource
from millrace.local.services.stepfunctions.interpreter.definition.states import (
    Catcher,
    ChoiceRule,
    ChoiceState,
    FailState,
    Field,
    ItemBatcher,
    ItemReader,
    Kind,
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
from millrace.local.services.stepfunctions.interpreter.definition.validation import validate

__all__ = [
    "Catcher",
    "ChoiceRule",
    "ChoiceState",
    "Diagnostic",
    "FailState",
    "Field",
    "InvalidDefinitionError",
    "ItemBatcher",
    "ItemReader",
    "Kind",
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
