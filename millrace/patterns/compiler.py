"""Compiles the JSON of an event pattern to branches and clauses, and rejects invalid patterns as EventBridge does.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
"""

import json
from collections.abc import Mapping
from typing import Any

from millrace.patterns import addresses, wildcards
from millrace.patterns.errors import InvalidPatternError
from millrace.patterns.operators import Test, compile_operator, only_item
from millrace.patterns.paths import Path
from millrace.patterns.pattern import Branch, Clause, Pattern, exact_key

MAX_PATTERN_LENGTH = 2048
"""Characters. The default quota: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
MAX_OR_COMBINATIONS = 1000
OR = "$or"
_FEWEST_CHOICES = 2
_RESERVED = frozenset(
    {
        *("exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"),
        *("=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)
"""Field names that Ruler reserves inside $or: present and future operators."""

Clauses = dict[str, Clause]


def compile_pattern(pattern: Mapping[str, Any] | str, *, max_length: int = MAX_PATTERN_LENGTH) -> Pattern:
    """Compile a pattern, given as an object or as JSON. Raises InvalidPatternError.

    The length of an object is that of its compact JSON. An `$or` that is not an array of at least two objects is read
    as a field of that name, as in Ruler.
    """
    source = _read(pattern) if isinstance(pattern, str) else pattern
    if not isinstance(source, Mapping):
        raise InvalidPatternError("Filter is not an object")
    text = pattern if isinstance(pattern, str) else json.dumps(source, ensure_ascii=False, separators=(",", ":"))
    if len(text) > max_length:
        raise InvalidPatternError(f"Event pattern size {len(text)} exceeds the maximum size {max_length}")
    return Pattern(source, [Branch(clauses.values()) for clauses in _branches(source)])


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidPatternError(f"{error}") from error


def _branches(source: Mapping[str, Any]) -> list[Clauses]:
    try:
        return _Reader(or_is_a_field=False).branches(source)
    except InvalidPatternError as error:
        try:
            return _Reader(or_is_a_field=True).branches(source)
        except InvalidPatternError:
            raise error from None


class _Reader:
    """Reads the fields of objects. Each `$or` multiplies the branches. The last clause of a path wins."""

    def __init__(self, *, or_is_a_field: bool) -> None:
        self._or = None if or_is_a_field else OR

    def branches(self, source: Mapping[str, Any]) -> list[Clauses]:
        return self._object(source, "", [{}], frozenset())

    def _object(
        self, fields: Mapping[str, Any], path: str, branches: list[Clauses], reserved: frozenset[str]
    ) -> list[Clauses]:
        if not fields:
            raise InvalidPatternError("Empty objects are not allowed", path)
        for name, value in fields.items():
            if name == self._or:
                branches = self._either(value, path, branches)
            elif name in reserved:
                raise InvalidPatternError(
                    f"{name} is Ruler reserved fieldName which cannot be used inside {OR}.", _below(path, name)
                )
            else:
                branches = self._field(value, _below(path, name), branches, reserved)
        return branches

    def _field(self, value: Any, path: str, branches: list[Clauses], reserved: frozenset[str]) -> list[Clauses]:
        if isinstance(value, Mapping):
            return self._object(value, path, branches, reserved)
        if not isinstance(value, list):
            raise InvalidPatternError(f'"{path.rpartition(".")[2]}" must be an object or an array', path)
        clause = _clause(path, value)
        return [{**branch, path: clause} for branch in branches]

    def _either(self, choices: Any, path: str, branches: list[Clauses]) -> list[Clauses]:
        here = _below(path, OR)
        if not isinstance(choices, list):
            raise InvalidPatternError(f"It must be an Array followed with {OR}.", here)
        if not all(isinstance(choice, Mapping) for choice in choices):
            raise InvalidPatternError(f"Only JSON object is allowed in array of {OR} relationship.", here)
        if len(choices) < _FEWEST_CHOICES:
            raise InvalidPatternError(f"There must have at least 2 Objects in {OR} relationship.", here)
        if len(branches) * len(choices) > MAX_OR_COMBINATIONS:
            raise InvalidPatternError(f"{OR} leads to over {MAX_OR_COMBINATIONS} rule combinations", here)
        either = [branch for choice in choices for branch in self._object(choice, path, branches, _RESERVED)]
        if len(either) > MAX_OR_COMBINATIONS:
            raise InvalidPatternError(f"{OR} leads to over {MAX_OR_COMBINATIONS} rule combinations", here)
        return either


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _clause(path: str, wanted: list[Any]) -> Clause:
    if not wanted:
        raise InvalidPatternError("Empty arrays are not allowed", path)
    try:
        exact = frozenset(exact_key(value) for value in wanted if not isinstance(value, (Mapping, list)))
        tests = tuple(test for value in wanted for test in _tests(value))
        wildcards.check_complexity([value["wildcard"] for value in wanted if _operator(value) == "wildcard"])
    except InvalidPatternError as error:
        raise error.at(path) from None
    return Clause(Path(path), wanted, exact, tests, absent={"exists": False} in wanted)


def _operator(value: Any) -> str:
    return next(iter(value), "") if isinstance(value, Mapping) else ""


def _tests(value: Any) -> list[Test]:
    if isinstance(value, list):
        raise InvalidPatternError("Match value must be String, number, true, false, or null")
    if isinstance(value, str):
        return _same_address(value)
    if not isinstance(value, Mapping):
        return []
    return _existence(value) if _operator(value) == "exists" else [compile_operator(value)]


def _same_address(text: str) -> list[Test]:
    """An IP address matches all its notations, as in Ruler."""
    wanted = addresses.address(text)
    if wanted is None:
        return []
    return [lambda value: isinstance(value, str) and addresses.address(value) == wanted]


def _existence(expression: Mapping[str, Any]) -> list[Test]:
    _, exists = only_item(expression, "")
    if not isinstance(exists, bool):
        raise InvalidPatternError("exists match pattern must be either true or false.")
    return [lambda _value: True] if exists else []
