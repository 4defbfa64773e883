"""The comparison operators of an event pattern, each compiled to a test of one value.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from millrace.patterns import addresses, numeric, wildcards
from millrace.patterns.errors import InvalidPatternError

Test = Callable[[Any], bool]
TextTest = Callable[[str], bool]

ONE_KEY = "Only one key allowed in match expression"


def compile_operator(expression: Mapping[str, Any]) -> Test:
    """The test of an expression such as {"prefix": "shop."}. The compiler handles `exists`."""
    name, operand = only_item(expression, "Match expression name not found")
    if name not in _OPERATORS:
        raise InvalidPatternError(f"Unrecognized match type {name}")
    return _OPERATORS[name](operand)


def only_item(expression: Mapping[str, Any], empty: str) -> tuple[str, Any]:
    """The only key and value of an expression. `empty` is the error message without one."""
    if not expression:
        raise InvalidPatternError(empty)
    if len(expression) > 1:
        raise InvalidPatternError(ONE_KEY)
    return next(iter(expression.items()))


def _exactly(operand: Any) -> Test:
    text = _string(operand, "exact match pattern must be a string")
    return lambda value: isinstance(value, str) and value == text


def _prefix(operand: Any) -> Test:
    if isinstance(operand, Mapping):
        start = _any_case(operand, "prefix")
        return _on_text(lambda value: value.lower().startswith(start))
    text = _string(operand, "prefix match pattern must be a string")
    return _on_text(lambda value: value.startswith(text))


def _suffix(operand: Any) -> Test:
    if isinstance(operand, Mapping):
        end = _any_case(operand, "suffix")
        return _on_text(lambda value: value.lower().endswith(end))
    text = _string(operand, "suffix match pattern must be a string")
    return _on_text(lambda value: value.endswith(text))


def _equals_ignore_case(operand: Any) -> Test:
    text = _string(operand, "equals-ignore-case match pattern must be a string").lower()
    return _on_text(lambda value: value.lower() == text)


def _wildcard(operand: Any) -> Test:
    whole = wildcards.expression(_string(operand, "wildcard match pattern must be a string")).fullmatch
    return _on_text(lambda value: whole(value) is not None)


def _cidr(operand: Any) -> Test:
    return _on_text(addresses.within(_string(operand, "cidr match pattern must be a string")))


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, Mapping):
        name, operand = only_item(operand, "Anything-but expression name not found")
        if name not in _UNWANTED:
            raise InvalidPatternError(f"Unsupported anything-but pattern: {name}")
        return _none_of(_UNWANTED[name], operand)
    if not isinstance(operand, list) and not isinstance(operand, str) and not numeric.is_number(operand):
        raise InvalidPatternError("Value of anything-but must be an array or single string/number value.")
    unwanted = _same_type(operand if isinstance(operand, list) else [operand])
    return lambda value: isinstance(value, bool) or value not in unwanted


def _same_type(values: list[Any]) -> frozenset[Any]:
    if not all(isinstance(value, str) or numeric.is_number(value) for value in values):
        raise InvalidPatternError("Inside anything but list, start|null|boolean is not supported.")
    if len({isinstance(value, str) for value in values}) != 1:
        raise InvalidPatternError(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    return frozenset(value if isinstance(value, str) else numeric.checked(value) for value in values)


def _none_of(operator: Callable[[Any], Test], operand: Any) -> Test:
    if not isinstance(operand, (list, str)) and not numeric.is_number(operand):
        raise InvalidPatternError("Value of anything-but must be an array or single string/number value.")
    tests = [operator(value) for value in (operand if isinstance(operand, list) else [operand])]
    if not tests:
        raise InvalidPatternError("Empty arrays are not allowed")
    return lambda value: not any(test(value) for test in tests)


def _unwanted_end(operator: Callable[[Any], Test]) -> Callable[[Any], Test]:
    def compiled(operand: Any) -> Test:
        if not _string(operand, "prefix/suffix match pattern must be a string"):
            raise InvalidPatternError("Null prefix/suffix not allowed")
        return operator(operand)

    return compiled


def _unwanted_in_any_case(operand: Any) -> Test:
    return _equals_ignore_case(
        _string(operand, "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.")
    )


def _any_case(operand: Mapping[str, Any], name: str) -> str:
    inner, text = only_item(operand, f"{name.capitalize()} expression name not found")
    if inner != "equals-ignore-case":
        raise InvalidPatternError(f"Unsupported {name} pattern: {inner}")
    return _string(text, "equals-ignore-case match pattern must be a string").lower()


def _string(operand: Any, message: str) -> str:
    if not isinstance(operand, str):
        raise InvalidPatternError(message)
    return operand


def _on_text(test: TextTest) -> Test:
    return lambda value: isinstance(value, str) and test(value)


_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "exactly": _exactly,
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "numeric": numeric.compile_numeric,
    "anything-but": _anything_but,
}
_UNWANTED: dict[str, Callable[[Any], Test]] = {
    "prefix": _unwanted_end(_prefix),
    "suffix": _unwanted_end(_suffix),
    "wildcard": _wildcard,
    "equals-ignore-case": _unwanted_in_any_case,
}
