"""JSONata, by jsonata-python.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

import copy
import json
import math
import re
from functools import lru_cache
from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import (
    MISSING,
    QUERY_ERROR,
    Data,
    EvaluationError,
)
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_functions import bindings
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_library import (
    JException,
    deep_recursion,
    jsonata,
)
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_limits import (
    BYTES_OF_NUMBER,
    Limits,
    Pattern,
    check_size,
)

_CALLBACKS = "__evaluate_"
"""jsonata-python looks its callbacks up as variables, which an expression could set."""

_INSERT = re.compile(r"\{\{\{\w+\}\}\}|\{\{\w+\}\}")
_TYPES = {"b": "booleans", "n": "numbers", "o": "objects", "s": "strings"}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def evaluate_jsonata(expression: str, data: Data, field: str = "") -> Any:
    """Return the value of an expression without its delimiters. Raises States.QueryEvaluationError."""
    where = f"The JSONata expression '{expression}' specified for the field '{field}'"
    thrown = f"{where} threw an error during evaluation"
    try:
        with deep_recursion():
            value = _run(expression, data)
            value = MISSING if value is None else _Converter().json(value)
    except JException as error:
        raise EvaluationError(QUERY_ERROR, f"{thrown}. {error.error}: {message_of(error)}", field) from error
    except _UnsupportedError as error:
        raise EvaluationError(QUERY_ERROR, f"{where} returned an unsupported result type.", field) from error
    except Exception as error:  # the library raises any error of Python for arguments of a wrong type
        raise EvaluationError(QUERY_ERROR, f"{thrown}: {error}", field) from error
    if value is MISSING:
        raise EvaluationError(QUERY_ERROR, f"{where} returned nothing (undefined).", field)
    return value


def _run(expression: str, data: Data) -> Any:
    own = copy.copy(compiled(expression))  # an evaluation keeps its state in the object
    limits = Limits()
    null = jsonata.Utils.NULL_VALUE
    names = {
        **bindings(data.ambient),
        **{name: null if value is None else value for name, value in data.variables.items()},
        "states": _states(data),
        f"{_CALLBACKS}entry": limits.enter,
        f"{_CALLBACKS}exit": limits.leave,
    }
    jsonata.Jsonata.CURRENT.jsonata = own
    return own.evaluate(None, names)


def _states(data: Data) -> dict[str, Any]:
    states = {"input": data.input, "context": data.context}
    optional = {"result": data.result, "errorOutput": data.error_output}
    return states | {name: value for name, value in optional.items() if value is not MISSING}


@lru_cache(1024)
def compiled(expression: str) -> jsonata.Jsonata:
    """Compile an expression. Raises JException if it has a syntax error, and RecursionError for deep nesting."""
    if _CALLBACKS in expression:
        raise ValueError(f"The names of variables that begin with ${_CALLBACKS} are reserved")
    own = jsonata.Jsonata(expression, regex_engine=Pattern)
    own.set_output_convert_nulls(output_convert_nulls=False)
    return own


class _UnsupportedError(Exception):
    """A value that JSON cannot have, such as a function."""


class _Converter:
    """Makes JSON of a result. AWS writes whole numbers without a point, and the names of NaN and infinity."""

    def __init__(self) -> None:
        self._bytes = 0

    def json(self, value: Any) -> Any:
        """Return a value as JSON. Raises MemoryLimitError."""
        self._bytes += len(value) if isinstance(value, str) else BYTES_OF_NUMBER
        check_size(self._bytes)
        if value is None or value is jsonata.Utils.NULL_VALUE:
            return None
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, dict):
            return {_text(str(name)): self.json(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.json(each) for each in value]
        return _scalar(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | int):
        return value
    if not isinstance(value, float):
        raise _UnsupportedError
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def _text(text: str) -> str:
    """Half of a surrogate pair cannot be written in UTF-8; Java writes a question mark."""
    if text.isascii():
        return text
    return _LONE_SURROGATE.sub("?", text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))


def message_of(error: JException) -> str:
    """Return a message as JSONata words it. jsonata-python leaves out quotes, and has Object for function."""
    template = JException.error_codes.get(error.error)
    if template is None:
        return str(error)
    inserts = iter([error.current, error.expected, error.extra])

    def insert(match: re.Match[str]) -> str:
        value = next(inserts, None)
        if match[0].startswith("{{{"):
            return str(value)
        return json.dumps(_TYPES.get(str(value), value) if "type" in match[0] else value, default=str)

    return re.sub(r"\bObject\b(?! definition)", "function", _INSERT.sub(insert, template))
