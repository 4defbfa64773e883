"""Numbers in event patterns: from -5e9 to 5e9, with up to six decimals.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-numeric-matching
"""

import json
import operator
from collections.abc import Callable
from typing import Any

from millrace.patterns.errors import InvalidPatternError

BOUND = 5_000_000_000
DECIMALS = 6

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LOWER, _UPPER = {">", ">="}, {"<", "<="}


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number. In Python, booleans are numbers too."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_comparable(value: Any) -> bool:
    """Whether AWS can order a value. It compares others, such as account numbers, only for equality."""
    return is_number(value) and -BOUND <= value <= BOUND and round(value, DECIMALS) == value


def checked(value: Any) -> Any:
    """A number of a pattern. Raises InvalidPatternError if AWS cannot order it."""
    if not -BOUND <= value <= BOUND:
        raise InvalidPatternError("Value must be between -5.0E9 and 5.0E9, inclusive")
    if not is_comparable(value):
        raise InvalidPatternError(f"Only values upto {DECIMALS} decimals are supported: {value}")
    return value


def compile_numeric(operand: Any) -> Callable[[Any], bool]:
    """The test of `numeric`: one comparison, or a lower bound followed by an upper bound."""
    if not isinstance(operand, list):
        raise InvalidPatternError("Value of numeric must be an array.")
    lower = _first(operand)
    terms = [lower, _second(lower, operand[2:])] if len(operand) > len(lower) else [lower]

    def holds(value: Any) -> bool:
        return is_comparable(value) and all(_COMPARISONS[name](value, bound) for name, bound in terms)

    return holds


def _first(operand: list[Any]) -> tuple[str, Any]:
    name = operand[0] if operand else None
    if not isinstance(name, str):
        raise InvalidPatternError(f"Invalid member in numeric match: {json.dumps(name) if operand else ']'}")
    if name not in _COMPARISONS:
        raise InvalidPatternError(f"Unrecognized numeric range operator: {name}")
    return name, _bound(operand)


def _second(lower: tuple[str, Any], rest: list[Any]) -> tuple[str, Any]:
    """Return the upper bound of a range."""
    name = rest[0]
    if lower[0] not in _LOWER:
        raise InvalidPatternError("Too many elements in numeric expression")
    if not isinstance(name, str):
        raise InvalidPatternError(f"Bad value in numeric range: {json.dumps(name)}")
    if name not in _UPPER:
        raise InvalidPatternError(f"Bad numeric range operator: {name}")
    top = _bound(rest)
    if len(rest) > len(lower):
        raise InvalidPatternError("Too many terms in numeric range expression")
    if lower[1] >= top:
        raise InvalidPatternError("Bottom must be less than top")
    return name, top


def _bound(pair: list[Any]) -> Any:
    if len(pair) == 1 or not is_number(pair[1]):
        raise InvalidPatternError(f"Value of {'equals' if pair[0] == '=' else pair[0]} must be numeric")
    return checked(pair[1])
