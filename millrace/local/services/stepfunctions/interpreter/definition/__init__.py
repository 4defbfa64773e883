"""Definitions of state machines: `parse` gives typed states, `validate` the diagnostics."""

from millrace.local.services.stepfunctions.interpreter.definition.diagnostics import Diagnostic, InvalidDefinitionError
from millrace.local.services.stepfunctions.interpreter.definition.resources import Resource, parse_resource
from millrace.local.services.stepfunctions.interpreter.definition.states import (
    Catcher,
    ChoiceState,
    FailState,
    ItemBatcher,
    ItemReader,
    MapState,
    ParallelState,
    PassState,
    ReaderConfig,
    ResultWriter,
    Retrier,
    State,
    StateMachine,
    SucceedState,
    TaskState,
    WaitState,
    WorkState,
    WriterConfig,
    inner_machines,
)
from millrace.local.services.stepfunctions.interpreter.definition.validation import parse, validate
from millrace.local.services.stepfunctions.interpreter.expressions import ChoiceRule, Field, Kind

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
    "ReaderConfig",
    "Resource",
    "ResultWriter",
    "Retrier",
    "State",
    "StateMachine",
    "SucceedState",
    "TaskState",
    "WaitState",
    "WorkState",
    "WriterConfig",
    "inner_machines",
    "parse",
    "parse_resource",
    "validate",
]
