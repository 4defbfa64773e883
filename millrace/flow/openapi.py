"""An API as an OpenAPI 3.1 document: commands, queries, and the endpoints for external events and callbacks.

https://spec.openapis.org/oas/v3.1.0
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from millrace.events import Event
from millrace.flow.dialects import opened
from millrace.flow.schemas import Untitled

Json = dict[str, Any]
_TEMPLATE = "#/components/schemas/{model}"
_TEXT: Json = {"type": "string"}
_COMPONENTS: Json = {
    "Problem": {
        "type": "object",
        "description": "https://www.rfc-editor.org/rfc/rfc9457",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "problems": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string"}, "value": {}, "reason": {"type": "string"}},
                    "required": ["field", "reason"],
                },
            },
        },
        "required": ["type", "title", "status", "detail"],
    },
    "Message": {
        "type": "object",
        "description": "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-jwt.html",
        "properties": {"message": _TEXT},
        "required": ["message"],
    },
    "Accepted": {
        "type": "object",
        "properties": {"command": _TEXT, "event_id": _TEXT, "correlation_id": _TEXT, "result_path": _TEXT},
        "required": ["command", "event_id", "correlation_id"],
    },
    "Received": {
        "type": "object",
        "properties": {
            "accepted": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"event_id": _TEXT, "correlation_id": _TEXT},
                    "required": ["event_id", "correlation_id"],
                },
            }
        },
        "required": ["accepted"],
    },
    "Answered": {"type": "object", "properties": {"answer": _TEXT}, "required": ["answer"]},
}
_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Requests with the same key are one command: it is accepted once, and all responses are the same.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


class Query(Protocol):
    """The declaration of a query."""

    @property
    def name(self) -> str:
        """The name of its function."""

    @property
    def description(self) -> str:
        """The docstring of its handler."""

    @property
    def path(self) -> str:
        """The path of its route."""

    @property
    def in_path(self) -> tuple[str, ...]:
        """The names of the path parameters."""

    @property
    def parameters(self) -> type[BaseModel]:
        """All parameters except limit, cursor and after."""

    @property
    def paging(self) -> str | None:
        """Whether it returns pages."""

    @property
    def versioned(self) -> bool:
        """Whether a caller can request a version."""

    @property
    def returns(self) -> type[BaseModel]:
        """The model of its response."""


@dataclass(frozen=True)
class Surface:
    """The operations of an API. A caller must satisfy one of the `security` schemes."""

    title: str
    commands: tuple[type[Event], ...] = ()
    queries: tuple[Query, ...] = ()
    events: tuple[type[Event], ...] = ()
    answers: tuple[type[Event], ...] = ()
    security: Mapping[str, Json] = field(default_factory=dict)
    version: str = "1.0.0"


def openapi(surface: Surface) -> Json:
    """The OpenAPI document."""
    internal, definitions = _schemas([*surface.commands, *(each.returns for each in surface.queries)], "")
    external, open_definitions = _schemas([*surface.events, *surface.answers], "external.")
    of = {**internal, **external}
    schemas = {**definitions, **{name: opened(schema) for name, schema in open_definitions.items()}, **_COMPONENTS}
    return {
        "openapi": "3.1.0",
        "info": {"title": surface.title, "version": surface.version},
        "paths": _paths(surface, of),
        "components": {"schemas": schemas, "securitySchemes": dict(surface.security)},
        "security": [{name: []} for name in surface.security],
    }


def _schemas(models: Iterable[type[BaseModel]], prefix: str) -> tuple[dict[type[BaseModel], Json], Json]:
    """A reference to the schema of each model, and the definitions.

    External events have definitions of their own, which allow unknown fields as the ingress does.
    """
    models = list(dict.fromkeys(models))
    template = _TEMPLATE.replace("{model}", f"{prefix}{{model}}")
    refs, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=template, schema_generator=Untitled
    )
    definitions = {f"{prefix}{name}": schema for name, schema in made.get("$defs", {}).items()}
    return {model: refs[model, "validation"] for model in models}, definitions


def _paths(surface: Surface, of: Mapping[type[BaseModel], Json]) -> Json:
    paths: Json = {f"/commands/{each.__name__}": {"post": _command(each, of[each])} for each in surface.commands}
    for query in surface.queries:
        paths.setdefault(query.path, {})["get"] = _query(query, of[query.returns])
    if surface.events:
        paths["/events"] = {"post": _ingress(surface.events, of)}
    if surface.answers:
        paths["/callbacks/{id}"] = {"post": _callback(surface.answers, of)}
    paths["/openapi.json"] = {"get": _document()}
    if surface.security:
        for operations in paths.values():
            for operation in operations.values():
                _add_gateway_errors(operation["responses"])
    return paths


def _add_gateway_errors(responses: Json) -> None:
    """API Gateway's own responses to callers without valid credentials or permissions."""
    message = _content("application/json", {"$ref": "#/components/schemas/Message"})["content"]
    for status in ("401", "403"):
        known = responses.get(status, {"description": HTTPStatus(int(status)).phrase, "content": {}})
        responses[status] = {**known, "content": {**known["content"], **message}}


def _command(command: type[Event], schema: Json) -> Json:
    return {
        "operationId": command.__name__,
        **_described(inspect.getdoc(command)),
        "parameters": [_KEY],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            "202": {
                "description": "The command is accepted.",
                "headers": {"Location": {"description": "The URL of the result.", "schema": _TEXT}},
                **_content("application/json", {"$ref": "#/components/schemas/Accepted"}),
            },
            **_problems(400, 409, 415, 422),
        },
    }


def _query(query: Query, schema: Json) -> Json:
    also = [409] if query.versioned else []
    return {
        "operationId": query.name,
        **_described(query.description),
        "parameters": list(_parameters(query)),
        "responses": {
            "200": {"description": "The result.", **_content("application/json", schema)},
            **_problems(400, 404, *also),
        },
    }


def _parameters(query: Query) -> Iterable[Json]:
    schema = query.parameters.model_json_schema(schema_generator=Untitled)
    required = schema.get("required", [])
    for name, described in schema.get("properties", {}).items():
        where = "path" if name in query.in_path else "query"
        yield {"name": name, "in": where, "required": where == "path" or name in required, "schema": described}
    if query.paging:
        yield {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}
        cursor = {"type": "string", "minLength": 1}
        yield {"name": "cursor", "in": "query", "schema": cursor, "description": "`next` of the previous page."}
    if query.versioned:
        text = "Wait until the read model has this version, for example to read your own write."
        yield {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0}, "description": text}


def _ingress(events: Iterable[type[Event]], of: Mapping[type[BaseModel], Json]) -> Json:
    one: Json = {"oneOf": [_cloudevent(event, of[event]) for event in events]}
    return {
        "operationId": "publish",
        "summary": "Publish external events as CloudEvents 1.0.",
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": one},
                "application/cloudevents-batch+json": {
                    "schema": {"type": "array", "items": one, "minItems": 1, "maxItems": 100}
                },
            },
        },
        "responses": {**_accepted("The events are accepted.", "Received"), **_problems(400, 403, 415, 422)},
    }


def _callback(answers: Iterable[type[Event]], of: Mapping[type[BaseModel], Json]) -> Json:
    one: Json = {"oneOf": [_cloudevent(event, of[event]) for event in answers]}
    text = "The id that the request contains. It accepts one answer, which can be sent again."
    return {
        "operationId": "answer",
        "summary": "Answer a waiting step with a CloudEvent 1.0.",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": _TEXT, "description": text}],
        "requestBody": {"required": True, "content": {"application/cloudevents+json": {"schema": one}}},
        "responses": {
            **_accepted("The answer is accepted.", "Answered"),
            **_problems(400, 403, 404, 409, 410, 413, 415, 422, 503),
        },
    }


def _cloudevent(event: type[Event], data: Json) -> Json:
    return {
        "title": event.__name__,
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1},
            "source": {"const": event.contract.source},
            "type": {"const": event.contract.detail_type},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "data": data,
        },
        "required": ["specversion", "id", "source", "type", "data"],
    }


def _document() -> Json:
    return {
        "operationId": "openapi",
        "summary": "This document.",
        "responses": {"200": {"description": "OpenAPI 3.1.", **_content("application/json", {"type": "object"})}},
    }


def _accepted(text: str, schema: str) -> Json:
    return {"202": {"description": text, **_content("application/json", {"$ref": f"#/components/schemas/{schema}"})}}


def _problems(*statuses: int) -> Json:
    content = _content("application/problem+json", {"$ref": "#/components/schemas/Problem"})
    return {str(status): {"description": HTTPStatus(status).phrase, **content} for status in statuses}


def _content(kind: str, schema: Json) -> Json:
    return {"content": {kind: {"schema": schema}}}


def _described(text: str | None) -> Json:
    """The first sentence is the summary, the whole text the description."""
    whole = (text or "").strip()
    return {"summary": re.split(r"(?<=\.)\s|\n", whole)[0], "description": whole} if whole else {}
