"""JSONata, with AWS's bounds of depth and memory and a bound of steps: see decision 0076.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import copy
import json
import math
import re
from functools import lru_cache
from typing import Any

import jsonata
import regex
from jsonata.jexception import JException

from millrace.local.services.stepfunctions.interpreter.expressions.data import (
    MISSING,
    QUERY_ERROR,
    Data,
    EvaluationError,
)
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_functions import (
    MOST_BYTES,
    LimitError,
    MemoryLimitError,
    bindings,
)

MOST_DEPTH = 100
MOST_STEPS = 300_000
_SECONDS_OF_PATTERN = 1.0
_BYTES_OF_NUMBER = 8
_BUILDERS = frozenset({"[", "{", "each", "map", "zip"})
"""What can build a value that holds another one many times."""

_INSERT = re.compile(r"\{\{\{\w+\}\}\}|\{\{\w+\}\}")
_TYPES = {"b": "booleans", "n": "numbers", "o": "objects", "s": "strings"}


def evaluate_jsonata(expression: str, data: Data, field: str = "") -> Any:
    """Return the value of an expression without its delimiters. Raises States.QueryEvaluationError."""
    where = f"The JSONata expression '{expression}' specified for the field '{field}'"
    try:
        value = _run(expression, data)
        value = MISSING if value is None else _json(value, _Budget())
    except JException as error:
        cause = f"{where} threw an error during evaluation. {error.error}: {message_of(error)}"
        raise EvaluationError(QUERY_ERROR, cause, field) from error
    except _UnsupportedError as error:
        raise EvaluationError(QUERY_ERROR, f"{where} returned an unsupported result type.", field) from error
    except Exception as error:  # the library raises any error of Python for arguments of a wrong type
        cause = f"{where} threw an error during evaluation: {error}"
        raise EvaluationError(QUERY_ERROR, cause, field) from error
    if value is MISSING:
        raise EvaluationError(QUERY_ERROR, f"{where} returned nothing (undefined).", field)
    return value


def _run(expression: str, data: Data) -> Any:
    own = copy.copy(compiled(expression))  # an evaluation keeps its state in the object
    bounds = _Bounds()
    names = {
        **bindings(data.ambient),
        **{name: _bound(value) for name, value in data.variables.items()},
        "states": _states(data),
        "__evaluate_entry": bounds.enter,
        "__evaluate_exit": bounds.leave,
    }
    jsonata.Jsonata.CURRENT.jsonata = own
    return own.evaluate(None, names)


def _states(data: Data) -> dict[str, Any]:
    states = {"input": data.input, "context": data.context}
    optional = {"result": data.result, "errorOutput": data.error_output}
    return states | {name: value for name, value in optional.items() if value is not MISSING}


def _bound(value: Any) -> Any:
    return jsonata.Utils.NULL_VALUE if value is None else value


@lru_cache(1024)
def compiled(expression: str) -> jsonata.Jsonata:
    """Compile an expression. Raises JException if it has a syntax error, and RecursionError for deep nesting."""
    own = jsonata.Jsonata(expression, regex_engine=_Pattern)
    own.set_output_convert_nulls(output_convert_nulls=False)
    return own


class _Pattern:
    """A regular expression that gives up after a second; Python's own cannot be interrupted."""

    def __init__(self, pattern: str, flags: Any) -> None:
        options = (regex.IGNORECASE if flags.case_insensitive else 0) | (regex.MULTILINE if flags.multiline else 0)
        self._compiled = regex.compile(pattern, options)

    def search(self, text: str) -> Any:
        return self._compiled.search(text, timeout=_SECONDS_OF_PATTERN)

    def finditer(self, text: str) -> Any:
        return self._compiled.finditer(text, timeout=_SECONDS_OF_PATTERN)

    def sub(self, replacement: Any, text: str, count: int = 0) -> str:
        return str(self._compiled.sub(replacement, text, count=count, timeout=_SECONDS_OF_PATTERN))

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        return list(self._compiled.split(text, maxsplit=maxsplit, timeout=_SECONDS_OF_PATTERN))


class _Bounds:
    """Counts the steps of one evaluation, its depth, and the size of what it builds."""

    def __init__(self) -> None:
        self._depth = 0
        self._steps = 0

    def enter(self, _expression: Any, _input: Any, _environment: Any) -> None:
        self._depth += 1
        self._spend(1)
        if self._depth > MOST_DEPTH:
            raise LimitError(
                "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as "
                f"tail-recursive. Depth={self._depth} max={MOST_DEPTH}"
            )

    def leave(self, expression: Any, _input: Any, _environment: Any, result: Any) -> None:
        self._depth -= 1
        if isinstance(result, str):
            self.hold(len(result))
            self._spend(len(result) >> 10)
        elif isinstance(result, list | dict) and not isinstance(result, jsonata.Utils.RangeList):
            self.hold(len(result) * _BYTES_OF_NUMBER)
            self._spend(len(result) >> 4)
            if _builds(expression):
                self._walk(result)

    def hold(self, size: int) -> None:
        """Raise an error for a value of more bytes than AWS allows."""
        if size > MOST_BYTES:
            raise MemoryLimitError

    def _walk(self, value: Any) -> None:
        waiting, count = [value], -1
        while waiting:
            node = waiting.pop()
            count += 1
            if isinstance(node, dict):
                waiting.extend(node.values())
            elif isinstance(node, list):
                waiting.extend(node)
            self.hold(count * _BYTES_OF_NUMBER)
        self._spend(count >> 4)

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise LimitError("Expression evaluation timeout: Check for infinite loop")


def _builds(expression: Any) -> bool:
    if expression.type == "function":
        return getattr(expression.procedure, "value", None) in _BUILDERS
    return expression.type == "unary" and expression.value in _BUILDERS


class _UnsupportedError(Exception):
    """A value that JSON cannot have, such as a function."""


class _Budget:
    """How many bytes a result may still have."""

    def __init__(self) -> None:
        self.left = MOST_BYTES

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise MemoryLimitError


def _json(value: Any, budget: _Budget) -> Any:
    """Return a result as JSON: AWS writes whole numbers without a point, and names for what is no number."""
    budget.take(len(value) if isinstance(value, str) else _BYTES_OF_NUMBER)
    if value is None or value is jsonata.Utils.NULL_VALUE:
        return None
    if isinstance(value, str):
        return _scalar_text(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, dict):
        return {_scalar_text(str(name)): _json(each, budget) for name, each in value.items()}
    if isinstance(value, list):
        return [_json(each, budget) for each in value]
    raise _UnsupportedError


def _scalar_text(text: str) -> str:
    """A character that is half of a surrogate pair cannot be written in UTF-8; Java writes a question mark."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\ufffd", "?")


def _number(value: float) -> float | int | str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def message_of(error: JException) -> str:
    """jsonata-python writes the messages of JSONata without their inserts as JSON, and Object for function."""
    template = JException.error_codes.get(error.error)
    if template is None:
        return str(error)
    inserts = iter([error.current, error.expected, *(error.extra or ())])

    def insert(match: re.Match[str]) -> str:
        value = next(inserts, None)
        if match[0].startswith("{{{"):
            return str(value)
        return json.dumps(_TYPES.get(str(value), value) if "type" in match[0] else value, default=str)

    return re.sub(r"\bObject\b(?! definition)", "function", _INSERT.sub(insert, template))
