"""Input templates and dynamic parameters of pipes.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from millrace.local.core.clock import iso
from millrace.local.core.json_text import parsed
from millrace.local.core.jsonpath import MISSING, JsonPathError, find
from millrace.local.services.eventbridge import InputTransformError, compact, fill

_PLACEHOLDER = re.compile(r"<(\$[^<>]*|aws\.pipes\.[a-z.-]+)>")


def text_of(event: Any) -> str:
    """Return an event as text. An enrichment can return texts."""
    return event if isinstance(event, str) else compact(event)


def transformed(event: Any, template: str | None, pipe: Any, ingested: float) -> str:
    """Return an event as the template of the enrichment or target writes it. Raises InputTransformError."""
    if not template:
        return text_of(event)
    names = _PLACEHOLDER.findall(template)
    variables, content = _variables(event, pipe, ingested), decoded(event)
    paths = {name: _value(content, name) for name in names if name.startswith("$")}
    return fill(template, variables | paths, _PLACEHOLDER)


def resolved(parameters: Any, event: Any) -> Any:
    """Return parameters of a target with the values of their JSONPaths. Raises InputTransformError.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html#pipes-targets-dynamic-parameters
    """
    if isinstance(parameters, Mapping):
        return {name: resolved(value, event) for name, value in parameters.items()}
    if isinstance(parameters, list):
        return [resolved(value, event) for value in parameters]
    if not isinstance(parameters, str) or not parameters.startswith("$."):
        return parameters
    found = _value(decoded(event), parameters)
    if found is MISSING:
        raise InputTransformError(f"The event has no value at {parameters}.")
    return text_of(found)


def decoded(event: Any) -> Any:
    """Return an event whose JSON body or data is parsed: implicit body data parsing."""
    if not isinstance(event, dict):
        return event
    body, data = event.get("body"), _from_base64(event.get("data"))
    decoded_body = {"body": parsed(body)} if isinstance(body, str) and parsed(body) is not None else {}
    decoded_data = {"data": parsed(data)} if data is not None and parsed(data) is not None else {}
    return {**event, **decoded_body, **decoded_data}


def _from_base64(data: Any) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except binascii.Error:
        return None


def _value(event: Any, path: str) -> Any:
    try:
        return find(event, path)
    except JsonPathError as error:
        raise InputTransformError(str(error)) from error


def _variables(event: Any, pipe: Any, ingested: float) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html#input-transform-reserved."""
    return {
        "aws.pipes.pipe-arn": pipe.arn,
        "aws.pipes.pipe-name": pipe.name,
        "aws.pipes.source-arn": pipe.source,
        "aws.pipes.enrichment-arn": pipe.enrichment or "",
        "aws.pipes.target-arn": pipe.target,
        "aws.pipes.event.ingestion-time": iso(ingested),
        "aws.pipes.event": event,
        "aws.pipes.event.json": decoded(event),
    }
