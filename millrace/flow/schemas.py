"""The schema of an event, generated from its class: JSON Schema 2020-12, and the two types of EventBridge's registry.

A schema allows unknown fields, because consumers ignore them.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema-registry.html
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from millrace.events import Event, Metadata
from millrace.flow.dialects import Schema, draft_4, openapi_30, opened

Form = Literal["OpenApi3", "JSONSchemaDraft4"]
JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_WHOLE = "AWSEvent"
"""The name of the whole event in the registry's OpenAPI documents."""
_ENVELOPE = {name: {"type": "string"} for name in ("version", "id", "detail-type", "source", "account", "region")}


class Untitled(GenerateJsonSchema):
    """Pydantic's schemas without titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own signature
        """Always False: pydantic's titles repeat the names of fields."""
        return False


def schema_name(event: type[Event]) -> str:
    """The name of an event's schema in a registry, in the form of AWS's own schemas."""
    return f"{event.contract.source}@{event.contract.detail_type}"


def json_schema(event: type[Event]) -> Schema:
    """JSON Schema 2020-12 of an event's `detail`: its metadata and its data."""
    (detail,), definitions = details([event], "#/$defs/{model}")
    return {"$schema": JSON_SCHEMA, **detail, "$defs": definitions}


def registry_schema(event: type[Event], form: Form) -> Schema:
    """The document in the registry: the schema of the whole event as EventBridge delivers it."""
    return _FORMS[form](event)


def details(events: Iterable[type[Event]], ref_template: str) -> tuple[list[Schema], dict[str, Schema]]:
    """The schema of each event's detail, and their shared definitions."""
    models: list[type[BaseModel]] = [Metadata, *events]
    refs, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=ref_template, schema_generator=Untitled
    )
    schemas: list[Schema] = [refs[model, "validation"] for model in models]
    definitions: dict[str, Schema] = {name: opened(schema) for name, schema in made["$defs"].items()}
    return [_detail(event, schemas[0], data) for event, data in zip(models[1:], schemas[1:], strict=True)], definitions


def _detail(event: type[BaseModel], metadata: Schema, data: Schema) -> Schema:
    return {
        "title": event.__name__,
        "description": inspect.getdoc(event) or "",
        "type": "object",
        "properties": {"metadata": metadata, "data": data},
        "required": ["metadata", "data"],
    }


def _openapi(event: type[Event]) -> Schema:
    (detail,), definitions = details([event], "#/components/schemas/{model}")
    if _WHOLE in definitions:
        raise ValueError(
            f"{event.__name__} contains a model named {_WHOLE}, which the registry reserves: rename the model."
        )
    schemas = {_WHOLE: _envelope(event, detail), **definitions}
    return {
        "openapi": "3.0.0",
        "info": {"title": event.__name__, "version": f"{event.contract.version}.0.0"},
        "paths": {},
        "components": {"schemas": {name: openapi_30(schema) for name, schema in schemas.items()}},
    }


def _draft_4(event: type[Event]) -> Schema:
    (detail,), definitions = details([event], "#/definitions/{model}")
    return {
        "$schema": DRAFT_4,
        "title": event.__name__,
        "version": f"{event.contract.version}.0.0",
        **draft_4(_envelope(event, detail)),
        "definitions": {name: draft_4(schema) for name, schema in definitions.items()},
    }


_FORMS: dict[Form, Callable[[type[Event]], Schema]] = {"OpenApi3": _openapi, "JSONSchemaDraft4": _draft_4}


def _envelope(event: type[Event], detail: Schema) -> Schema:
    properties: dict[str, Schema] = {
        **_ENVELOPE,
        "detail-type": {"type": "string", "enum": [event.contract.detail_type]},
        "source": {"type": "string", "enum": [event.contract.source]},
        "time": {"type": "string", "format": "date-time"},
        "resources": {"type": "array", "items": {"type": "string"}},
        "detail": detail,
    }
    return {
        "type": "object",
        "x-amazon-events-detail-type": event.contract.detail_type,
        "x-amazon-events-source": event.contract.source,
        "properties": properties,
        "required": list(properties),
    }
