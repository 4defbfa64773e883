"""Boundary values of a contract, made from an example and the schema."""

import copy
import math
from collections.abc import Iterator
from typing import Any

from millrace.events import ContractError, Event
from millrace.events.contract import Data
from millrace.flow.schemas import json_schema

LARGEST = 2**53 - 1
"""The largest whole number that every reader of JSON holds exactly: RFC 8259, section 6."""
_MAX_LENGTH = 1000
_LONG = "ü" * _MAX_LENGTH
_STEP = {"integer": (lambda bound: bound + 1, lambda bound: bound - 1)}
_NEXT = (lambda bound: math.nextafter(bound, math.inf), lambda bound: math.nextafter(bound, -math.inf))

Schema = dict[str, Any]
Path = tuple[str | int, ...]


def boundaries(event: type[Event], example: Data) -> Iterator[tuple[str, Data]]:
    """The example with one value at a boundary, and its description, for each boundary that the contract accepts."""
    schema = json_schema(event)
    data = _resolved(schema["properties"]["data"], schema["$defs"])
    for path, value in _boundaries(data, schema["$defs"], example, ()):
        changed = _changed(example, path, value)
        if _accepts(event, changed):
            yield f"{'.'.join(map(str, path))} = {_shortened(value)}", changed


class Absent:
    """The value of an omitted field."""

    def __repr__(self) -> str:
        return "nothing"


def _boundaries(schema: Schema, definitions: Schema, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    for option in _options(schema, definitions):
        yield from ((path, boundary) for boundary in _values(option, value) if path)
        if isinstance(value, dict):
            yield from _of_fields(option, definitions, value, path)
        if isinstance(value, list) and value and isinstance(option.get("items"), dict):
            yield from _boundaries(option["items"], definitions, value[0], (*path, 0))


def _of_fields(schema: Schema, definitions: Schema, value: Data, path: Path) -> Iterator[tuple[Path, Any]]:
    for name, part in schema.get("properties", {}).items():
        if name not in schema.get("required", ()):
            yield (*path, name), Absent()
        if name in value:
            yield from _boundaries(part, definitions, value[name], (*path, name))


def _values(schema: Schema, value: Any) -> Iterator[Any]:
    """The boundary values of one type."""
    if "enum" in schema or "const" in schema:
        yield from schema.get("enum", [schema.get("const")])
        return
    match schema.get("type"):
        case "integer" | "number":
            yield from _numbers(schema)
        case "string" if not {"format", "pattern"} & schema.keys():
            yield "x" * schema.get("minLength", 0)
            yield _LONG[: schema.get("maxLength", _MAX_LENGTH)]
        case "boolean":
            yield from (False, True)
        case "null":
            yield None
        case "array" if isinstance(value, list) and value:
            yield value[:1] * schema.get("minItems", 0)
            yield value[:1] * min(schema.get("maxItems", _MAX_LENGTH), _MAX_LENGTH)


def _numbers(schema: Schema) -> Iterator[float]:
    up, down = _STEP.get(schema["type"], _NEXT)
    yield up(schema["exclusiveMinimum"]) if "exclusiveMinimum" in schema else schema.get("minimum", -LARGEST)
    yield down(schema["exclusiveMaximum"]) if "exclusiveMaximum" in schema else schema.get("maximum", LARGEST)
    yield 0


def _options(schema: Schema, definitions: Schema) -> Iterator[Schema]:
    resolved = _resolved(schema, definitions)
    choices = resolved.get("anyOf", resolved.get("oneOf"))
    if choices is None:
        yield resolved
        return
    for choice in choices:
        yield from _options(choice, definitions)


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema


def _changed(example: Data, path: Path, value: Any) -> Data:
    made: Any = copy.deepcopy(example)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    if isinstance(value, Absent):
        inner.pop(path[-1], None)
    else:
        inner[path[-1]] = value
    return dict(made)


def _accepts(event: type[Event], data: Data) -> bool:
    """Whether the contract accepts the data: a rule between two fields may reject values that each field accepts."""
    try:
        event.read(data, tolerant=False)
    except ContractError:
        return False
    return True


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:36]}…"  # noqa: PLR2004 - fits into a line
