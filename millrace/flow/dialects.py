"""Converts JSON Schema 2020-12, which pydantic generates, to the older dialects of EventBridge and AsyncAPI."""

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
Change = Callable[[Schema], Schema]
_ONE = ("items", "additionalProperties", "not")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "patternProperties", "$defs")
_NOTHING: Schema = {"type": "object", "nullable": True, "enum": [None]}


def opened(schema: Schema) -> Schema:
    """The schema without `additionalProperties: false`."""

    def change(part: Schema) -> Schema:
        return {word: value for word, value in part.items() if (word, value) != ("additionalProperties", False)}

    return _throughout(schema, change)


def draft_7(schema: Schema) -> Schema:
    """The schema in draft 7, the dialect of AsyncAPI.

    https://www.asyncapi.com/docs/reference/specification/v3.0.0#schemaObject
    """
    return _throughout(schema, _tuples_as_lists)


def draft_4(schema: Schema) -> Schema:
    """The schema in draft 4.

    https://json-schema.org/draft-04/draft-fge-json-schema-validation-00
    """

    def change(part: Schema) -> Schema:
        part = _alone(_bounds(_constants(_tuples_as_lists(part))))
        part.pop("propertyNames", None)
        return part

    return _throughout(schema, change)


def openapi_30(schema: Schema) -> Schema:
    """The schema in the dialect of OpenAPI 3.0.

    https://spec.openapis.org/oas/v3.0.3#schema-object
    """

    def change(part: Schema) -> Schema:
        part = _nullable(_alone(_bounds(_constants(_tuples_as_any(part)))))
        part.pop("propertyNames", None)
        if part.get("default", ...) is None:
            del part["default"]  # EventBridge documents no null; the field is optional and nullable
        if "examples" in part:
            part["example"] = part.pop("examples")[0]
        if "patternProperties" in part:
            part["additionalProperties"] = {"anyOf": list(part.pop("patternProperties").values())}
        return part

    return _throughout(schema, change)


def _throughout(schema: Schema, change: Change) -> Schema:
    """Apply a change to a schema and all parts of it, innermost first."""
    made = dict(schema)
    for word in _ONE:
        if isinstance(made.get(word), dict):
            made[word] = _throughout(made[word], change)
    for word in _LISTS:
        if word in made:
            made[word] = [_throughout(part, change) for part in made[word]]
    for word in _MAPS:
        if word in made:
            made[word] = {name: _throughout(part, change) for name, part in made[word].items()}
    return change(made)


def _constants(schema: Schema) -> Schema:
    if "const" not in schema:
        return schema
    return {**{word: value for word, value in schema.items() if word != "const"}, "enum": [schema["const"]]}


def _bounds(schema: Schema) -> Schema:
    """In older dialects, an exclusive bound is a bound with a flag."""
    made = dict(schema)
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in made:
            made[bound] = made[exclusive]
            made[exclusive] = True
    return made


def _alone(schema: Schema) -> Schema:
    """Older dialects ignore keywords next to a reference."""
    if "$ref" not in schema or len(schema) == 1:
        return schema
    rest = {word: value for word, value in schema.items() if word != "$ref"}
    return {**rest, "allOf": [{"$ref": schema["$ref"]}]}


def _tuples_as_lists(schema: Schema) -> Schema:
    if "prefixItems" not in schema:
        return schema
    made = {word: value for word, value in schema.items() if word != "prefixItems"}
    if "items" in made:
        made["additionalItems"] = made["items"]
    return {**made, "items": schema["prefixItems"]}


def _tuples_as_any(schema: Schema) -> Schema:
    if "prefixItems" not in schema:
        return schema
    made = {word: value for word, value in schema.items() if word != "prefixItems"}
    kinds = [*schema["prefixItems"], *([made["items"]] if isinstance(made.get("items"), dict) else [])]
    return {**made, "items": {"anyOf": kinds}}


def _nullable(schema: Schema) -> Schema:
    """OpenAPI 3.0 has a flag for null, which needs a type."""
    if schema.get("type") == "null":
        return {**{word: value for word, value in schema.items() if word != "type"}, **_NOTHING}
    options = schema.get("anyOf", [])
    others = [option for option in options if option != _NOTHING]
    if len(others) == len(options) or len(others) != 1 or "type" not in others[0]:
        return schema
    rest = {word: value for word, value in schema.items() if word != "anyOf"}
    return {**others[0], **rest, "nullable": True}
