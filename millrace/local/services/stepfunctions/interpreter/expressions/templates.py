"""The value of any field."""

from typing import Any

from millrace.local.services.stepfunctions.interpreter.definition.states import Field
from millrace.local.services.stepfunctions.interpreter.expressions.data import Data


def evaluate(field: Field, data: Data) -> Any:
    """Return the value of a field. Raises EvaluationError with the name of the field."""
    raise NotImplementedError


def evaluate_template(template: Any, data: Data) -> Any:
    """Return the value of a JSONPath payload template."""
    raise NotImplementedError
