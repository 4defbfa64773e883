"""JSONPath: InputPath, OutputPath, ResultPath, and what they select."""

from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import Data


def select(path: str | None, data: Data) -> Any:
    """Return what a path selects: `$...`, `$$...` of the context object, `$name...` of a variable. {} for null."""
    raise NotImplementedError


def write(path: str | None, root: Any, result: Any) -> Any:
    """Return the input of a state with its result at ResultPath; the input is not changed."""
    raise NotImplementedError
