"""Event patterns of rules, and whether a valid event can match them.

Each clause is tested with the values at which its operators and the limits of the schema change the result. Where no
list of values is complete, such as for a string with a regular expression, the clause counts as possible. So a pattern
that is reported as impossible never matches.
"""

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from millrace.events import Event
from millrace.flow.assembly import Resource
from millrace.flow.schemas import json_schema
from millrace.patterns import Clause, Pattern

Schema = Mapping[str, Any]
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_PLAIN: tuple[Any, ...] = ("x", "", 0, 1, 0.5, -1, True, False, None)
_COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}


def pattern_of(rule: Resource) -> Mapping[str, Any]:
    """The event pattern of a rule. A value that is only known at deployment becomes a string that no event equals."""
    pattern: Mapping[str, Any] = _literal(rule.properties["EventPattern"])
    return pattern


def _literal(value: Any) -> Any:
    if isinstance(value, list):
        return [_literal(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if any(key == "Ref" or key.startswith("Fn::") for key in value):
        return json.dumps(value)
    return {key: _literal(inner) for key, inner in value.items()}


def can_match(event: type[Event], *patterns: Pattern) -> bool:
    """Whether a valid event can match all of these patterns."""
    return any(_possible(event, branches) for branches in _choices(patterns))


def _choices(patterns: Iterable[Pattern]) -> Iterator[list[Clause]]:
    """The clauses of one branch of each pattern, for every combination."""
    first, *rest = patterns
    for branch in first.branches:
        if not rest:
            yield list(branch.clauses)
        for more in _choices(rest) if rest else ():
            yield [*branch.clauses, *more]


def _possible(event: type[Event], clauses: Iterable[Clause]) -> bool:
    by_path: dict[str, list[Clause]] = {}
    for clause in clauses:
        by_path.setdefault(clause.path.name, []).append(clause)
    return all(_can_hold(event, path, given) for path, given in by_path.items())


def _can_hold(event: type[Event], path: str, clauses: list[Clause]) -> bool:
    """Whether one value, or a missing field, satisfies all clauses of a path."""
    leaves, optional = leaves_of(event, path)
    if all(clause.absent for clause in clauses) and (optional or not leaves):
        return True
    return any(_holds_at(leaf, clauses) for leaf in leaves)


def _holds_at(leaf: Schema, clauses: list[Clause]) -> bool:
    values = [*_values(leaf), *(value for clause in clauses for value in _boundaries(clause.wanted))]
    fitting = [value for value in values if fits(value, leaf)]
    if any(all(clause.accepts(value) for clause in clauses) for value in fitting):
        return True
    return _is_opaque(leaf) and not any(clause.is_exact or _wants_nothing(clause) for clause in clauses)


def _wants_nothing(clause: Clause) -> bool:
    return all(wanted == {"exists": False} for wanted in clause.wanted)


def _is_opaque(leaf: Schema) -> bool:
    """Whether the schema accepts strings that cannot be listed."""
    return "enum" not in leaf and "const" not in leaf and leaf.get("type", "string") == "string"


def _values(leaf: Schema) -> list[Any]:
    given = [leaf[key] for key in ("const", *_COMPARED) if key in leaf]
    neighbours = [value + step for value in given if _is_number(value) for step in (-1, 1)]
    return [*leaf.get("enum", ()), *given, *neighbours, *_PLAIN]


def _boundaries(wanted: Any) -> Iterator[Any]:
    """The values around which the result of an operator changes: its operands, and the neighbours of numbers."""
    if isinstance(wanted, Mapping):
        wanted = list(wanted.values())
    if isinstance(wanted, list | tuple):
        for each in wanted:
            yield from _boundaries(each)
    elif _is_number(wanted):
        yield from (wanted, wanted - 1, wanted + 1, wanted - 0.5, wanted + 0.5)
    else:
        yield wanted


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def fits(value: Any, leaf: Schema) -> bool:
    """Whether a schema without parts accepts a value. Formats are not checked."""
    kind = leaf.get("type")
    if kind and (not isinstance(value, _TYPES.get(kind, ())) or (isinstance(value, bool) and kind != "boolean")):
        return False
    if value not in leaf.get("enum", [value]) or value != leaf.get("const", value):
        return False
    if isinstance(value, str):
        in_length = leaf.get("minLength", 0) <= len(value) <= leaf.get("maxLength", len(value))
        return in_length and ("pattern" not in leaf or re.search(leaf["pattern"], value) is not None)
    return not _is_number(value) or all(test(value, leaf[key]) for key, test in _COMPARED.items() if key in leaf)


def leaves_of(event: type[Event], path: str) -> tuple[list[Schema], bool]:
    """The schemas of the values at a path of the envelope, and whether the field can be missing."""
    first, *keys = path.split(".")
    names = {"source": event.contract.source, "detail-type": event.contract.detail_type}
    if first in names and not keys:
        return [{"const": names[first]}], False
    if first != "detail":
        return [{}], True
    schema = _schema(event)
    return _below(schema, schema, keys)


def _below(root: Schema, schema: Schema, keys: list[str]) -> tuple[list[Schema], bool]:
    found: list[Schema] = []
    optional = False
    for part in parts(root, schema):
        if not keys:
            if part.get("type") != "object" and "properties" not in part:
                found.append(part)
            continue
        inner = part.get("properties", {}).get(keys[0], _unnamed(part))
        leaves, missing = _below(root, inner, keys[1:]) if inner is not None else ([], True)
        found += leaves
        optional = optional or missing or keys[0] not in part.get("required", ())
    return found, optional


def _unnamed(part: Schema) -> Schema | None:
    """The schema of the fields that an object accepts but does not name."""
    more = part.get("additionalProperties", "properties" not in part and part.get("type", "object") == "object")
    if isinstance(more, Mapping):
        return more
    return {} if more else None


def parts(root: Schema, schema: Schema) -> Iterator[Schema]:
    """The alternatives of a schema: references resolved, unions split, arrays replaced by their items."""
    if "$ref" in schema:
        yield from parts(root, root["$defs"][schema["$ref"].rpartition("/")[2]])
        return
    options = [option for word in ("anyOf", "oneOf", "allOf", "prefixItems") for option in schema.get(word, ())]
    if schema.get("type") == "array":
        options += [schema["items"]] if isinstance(schema.get("items"), Mapping) else []
        options = options or [{}]
    if not options:
        yield schema
    for option in options:
        yield from parts(root, option)


@lru_cache
def _schema(event: type[Event]) -> Schema:
    return json_schema(event)
