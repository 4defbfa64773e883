"""The rules of Choice states.

https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from millrace.local.services.stepfunctions.interpreter.expressions.data import (
    MISSING,
    RUNTIME,
    Data,
    EvaluationError,
    Field,
)
from millrace.local.services.stepfunctions.interpreter.expressions.paths import compile_path
from millrace.local.services.stepfunctions.interpreter.expressions.templates import evaluate, unexpected_type

_NO_CHOICE = "Failed to transition out of the state. The state does not point to a next state."
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_STAR = re.compile(r"((?:\\.|[^*\\])*)(\*|$)", re.DOTALL)


@dataclass(frozen=True)
class Comparison:
    """A data test of JSONPath. `operator` has no suffix Path; `value` is then the path to compare with."""

    variable: str
    operator: str
    value: Any
    by_path: bool = False


@dataclass(frozen=True)
class Combination:
    """And, Or or Not of other tests."""

    operator: str
    tests: tuple["Test", ...]


Test = Comparison | Combination | Field
"""When a rule applies. A Field is the Condition of JSONata."""


@dataclass(frozen=True)
class ChoiceRule:
    """One object of Choices. `test` is None for Default."""

    next: str
    test: Test | None = None
    assign: Field | None = None
    output: Field | None = None


class Choices(Protocol):
    """A Choice state."""

    @property
    def choices(self) -> tuple[ChoiceRule, ...]:
        """The rules in order."""

    @property
    def default(self) -> ChoiceRule | None:
        """Default, with the Assign and Output of the state."""


def choose(state: Choices, data: Data) -> ChoiceRule:
    """Return the first rule that applies, or Default. Raises States.NoChoiceMatched."""
    for rule in state.choices:
        if rule.test is not None and _holds(rule.test, data):
            return rule
    if state.default is None:
        raise EvaluationError("States.NoChoiceMatched", _NO_CHOICE)
    return state.default


def _holds(test: Test, data: Data) -> bool:
    if isinstance(test, Comparison):
        return _compare(test, data)
    if isinstance(test, Combination):
        holds = (_holds(each, data) for each in test.tests)
        return {"And": all, "Or": any}[test.operator](holds) if test.operator != "Not" else not any(holds)
    value = evaluate(test, data)
    if not isinstance(value, bool):
        raise unexpected_type(str(test.value), test.name, "boolean", value)
    return value


def _compare(test: Comparison, data: Data) -> bool:
    variable = compile_path(test.variable).find(data)
    if test.operator == "IsPresent":
        return (variable is not MISSING) is test.value
    if variable is MISSING:
        raise _invalid(test.variable)
    value = compile_path(test.value).find(data) if test.by_path else test.value
    if value is MISSING:
        raise _invalid(test.value)
    return OPERATORS[test.operator](variable, value)


def _invalid(path: str) -> EvaluationError:
    cause = f"Invalid path '{path}': The choice state's condition path references an invalid value."
    return EvaluationError(RUNTIME, cause)


def parse_timestamp(text: Any) -> float | None:
    """Return the seconds since 1970 of a timestamp, or None. It needs an uppercase T, and Z or an offset."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _matches(text: Any, pattern: Any) -> bool:
    """An asterisk matches any characters, unless a backslash is before it. Takes linear time."""
    if not isinstance(text, str) or not isinstance(pattern, str):
        return False
    first, *rest = [re.sub(r"\\(.)", r"\1", part) for part in _parts(pattern)]
    if not rest:
        return text == first
    *middle, last = rest
    position, end = len(first), len(text) - len(last)
    if position > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _parts(pattern: str) -> list[str]:
    parts = []
    for match in _STAR.finditer(pattern):
        parts.append(match[1])
        if not match[2]:
            break
    return parts


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_TYPES: dict[str, Callable[[Any], Any]] = {
    "Boolean": lambda value: value if isinstance(value, bool) else None,
    "Numeric": lambda value: value if _is_number(value) else None,
    "String": lambda value: value if isinstance(value, str) else None,
    "Timestamp": parse_timestamp,
}


def _comparison(kind: str, name: str) -> Callable[[Any, Any], bool]:
    convert, compare = _TYPES[kind], _COMPARISONS[name]

    def compared(variable: Any, value: Any) -> bool:
        first, second = convert(variable), convert(value)
        return first is not None and second is not None and bool(compare(first, second))

    return compared


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    **{f"{kind}{name}": _comparison(kind, name) for kind in _TYPES for name in _COMPARISONS if kind != "Boolean"},
    "BooleanEquals": _comparison("Boolean", "Equals"),
    "StringMatches": _matches,
    "IsBoolean": lambda variable, value: isinstance(variable, bool) is value,
    "IsNull": lambda variable, value: (variable is None) is value,
    "IsNumeric": lambda variable, value: _is_number(variable) is value,
    "IsPresent": lambda variable, value: (variable is not MISSING) is value,
    "IsString": lambda variable, value: isinstance(variable, str) is value,
    "IsTimestamp": lambda variable, value: (parse_timestamp(variable) is not None) is value,
}
"""What each operator without the suffix Path does."""

WITH_PATH = frozenset(name for name in OPERATORS if not name.startswith("Is") and name != "StringMatches")
"""The operators that have a variant with the suffix Path."""
