"""The fields that a schema accepts, in any dialect, to compare two versions of it.

The fields of an object and the items of a list are fields of their own, named by their paths. A value that can be one
of several objects is a single field.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.flow.dialects import Schema
from millrace.flow.reads import ITEM, FieldPath

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "example", "examples", "deprecated", "discriminator", "nullable"}
)
_PARTS = frozenset({"properties", "required", "items", "additionalProperties", "type", "enum", "const"})
_LOWER = {"minimum", "minLength", "minItems", "minProperties"}
_UPPER = {"maximum", "maxLength", "maxItems", "maxProperties"}


@dataclass(frozen=True)
class Kind:
    """One type of a value, with its bounds or its allowed `values`."""

    type: str
    bounds: Mapping[str, Any]
    values: tuple[Any, ...] | None = None

    def accepts(self, other: "Kind") -> bool:
        """Whether this kind accepts every value of the other kind according to the bounds."""
        if other.type != self.type and (self.type, other.type) != ("number", "integer"):
            return False
        if self.values is not None:
            return other.values is not None and all(value in self.values for value in other.values)
        return all(_within(word, bound, other.bounds.get(word)) for word, bound in self.bounds.items())

    def __str__(self) -> str:
        if self.values is not None:
            return " | ".join(json.dumps(value) for value in self.values)
        bounds = ", ".join(_text(word, bound) for word, bound in sorted(self.bounds.items()))
        return f"{self.type} ({bounds})" if bounds else self.type


@dataclass(frozen=True)
class Field:
    """The types of a field, and whether it is required."""

    kinds: tuple[Kind, ...]
    required: bool

    def accepts(self, other: "Field") -> bool:
        """Whether this field accepts every value of the other field."""
        return all(any(mine.accepts(its) for mine in self.kinds) for its in other.kinds)

    def __str__(self) -> str:
        return " | ".join(dict.fromkeys(map(str, self.kinds)))


Shape = dict[FieldPath, Field]


def shape_of(document: Schema) -> Shape:
    """The fields of an event's data, from the document in a registry."""
    envelope = document["components"]["schemas"]["AWSEvent"] if "components" in document else document
    detail = _resolved(envelope["properties"]["detail"], document)
    data = _resolved(detail["properties"]["data"], document)
    return dict(_fields(data, document, (), ()))


def _fields(
    schema: Schema, document: Schema, path: FieldPath, above: tuple[Schema, ...]
) -> Iterator[tuple[FieldPath, Field]]:
    """The fields inside one schema."""
    required = set(schema.get("required", ()))
    for name, part in schema.get("properties", {}).items():
        yield from _field(part, document, (*path, name), above, required=name in required)
    item = schema.get("items", schema.get("additionalProperties"))
    if isinstance(item, dict):
        yield from _field(item, document, (*path, ITEM), above, required=False)


def _field(
    schema: Schema, document: Schema, path: FieldPath, above: tuple[Schema, ...], *, required: bool
) -> Iterator[tuple[FieldPath, Field]]:
    options = list(_options(schema, document))
    objects = [option for option in options if _has_parts(option)]
    split = len(objects) == 1 and objects[0] not in above
    yield path, Field(tuple(_kind(option, document, whole=not split) for option in options), required)
    if split:
        yield from _fields(objects[0], document, path, (*above, objects[0]))


def _options(schema: Schema, document: Schema) -> Iterator[Schema]:
    """Each type that a schema accepts."""
    resolved = _resolved(schema, document)
    choices = resolved.get("anyOf", resolved.get("oneOf"))
    if choices is None:
        null = resolved.get("enum") == [None]
        if not null:
            yield resolved
        if null or resolved.get("nullable"):
            yield {"type": "null"}
        return
    for choice in choices:
        yield from _options(choice, document)


def _resolved(schema: Schema, document: Schema) -> Schema:
    while "$ref" in schema or len(schema.get("allOf", ())) == 1:
        (inner,) = schema.get("allOf", [schema])
        rest = {word: value for word, value in schema.items() if word not in ("allOf", "$ref")}
        schema = {**_pointed(inner["$ref"], document), **rest} if "$ref" in inner else {**inner, **rest}
    return schema


def _pointed(reference: str, document: Schema) -> Schema:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return dict(found)


def _has_parts(schema: Schema) -> bool:
    return any(isinstance(schema.get(word), dict) for word in ("properties", "items", "additionalProperties"))


def _kind(schema: Schema, document: Schema, *, whole: bool) -> Kind:
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    bounds = {
        word: value for word, value in schema.items() if word not in _ANNOTATIONS | _PARTS and not word.startswith("x-")
    }
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if bounds.pop(flag, False):
            bounds[bound] = (bounds[bound], True)
    if isinstance(schema.get("items"), list):
        bounds["items"] = json.dumps(schema["items"])
    if whole and _has_parts(schema):
        bounds["fields"] = json.dumps([[".".join(p), str(f)] for p, f in _fields(schema, document, (), (schema,))])
    return Kind(str(schema.get("type", "anything")), bounds, None if values is None else tuple(values))


def _text(word: str, bound: Any) -> str:
    value, exclusive = bound if isinstance(bound, tuple) else (bound, False)
    return f"{'exclusive ' if exclusive else ''}{word} {value}"


def _within(word: str, mine: Any, its: Any) -> bool:
    if word in _LOWER | _UPPER and its is not None:
        sign = 1 if word in _LOWER else -1
        return _order(its, sign) >= _order(mine, sign)
    return bool(mine == its)


def _order(bound: Any, sign: int) -> tuple[float, bool]:
    value, exclusive = bound if isinstance(bound, tuple) else (bound, False)
    return (sign * value, bool(exclusive))
