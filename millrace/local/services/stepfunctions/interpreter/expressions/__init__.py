"""Expressions of states: JSONPath with intrinsic functions, JSONata, choices.

- `evaluate(field, data)` gives the value of any `Field` of a state, in its own query language.
- `select(path, data)` reads InputPath and OutputPath; `write(path, input, result)` applies ResultPath.
- `choose(state, data)` gives the rule of a Choice state that applies.

All raise EvaluationError.
"""

from millrace.local.services.stepfunctions.interpreter.expressions.choices import (
    ChoiceRule,
    choose,
    parse_timestamp,
)
from millrace.local.services.stepfunctions.interpreter.expressions.data import (
    MISSING,
    Ambient,
    Data,
    EvaluationError,
    Field,
    Kind,
)
from millrace.local.services.stepfunctions.interpreter.expressions.paths import select, write
from millrace.local.services.stepfunctions.interpreter.expressions.templates import (
    evaluate,
    evaluate_integer,
)

__all__ = [
    "MISSING",
    "Ambient",
    "ChoiceRule",
    "Data",
    "EvaluationError",
    "Field",
    "Kind",
    "choose",
    "evaluate",
    "evaluate_integer",
    "parse_timestamp",
    "select",
    "write",
]
