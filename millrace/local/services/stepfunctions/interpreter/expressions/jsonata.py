"""JSONata."""

from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import Data


def evaluate_jsonata(expression: str, data: Data, field: str = "") -> Any:
    """Return the value of an expression without its delimiters."""
    raise NotImplementedError
