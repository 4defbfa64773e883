"""The input of a rule's target: the whole event, a constant, a part of the event, or a filled-in template.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from millrace.local.core.clock import iso
from millrace.local.core.jsonpath import MISSING, JsonPathError, find
from millrace.local.services.eventbridge.put_events import Envelope

PREDEFINED_VARIABLES = frozenset(
    f"aws.events.{name}" for name in ("rule-arn", "rule-name", "event.ingestion-time", "event", "event.json")
)
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")', re.DOTALL)
_WITHOUT_DETAIL = ("id", "account", "source", "time", "region", "resources", "version")


class InputTransformError(ValueError):
    """The target's input cannot be made from this event."""


def target_input(envelope: Envelope, target: Mapping[str, Any], rule: Any, ingested: float) -> str:
    """Return the input of a target as text. Raises InputTransformError.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
    """
    try:
        if target.get("Input") is not None:
            return str(target["Input"])
        if target.get("InputPath") is not None:
            value = find(envelope, target["InputPath"])
            return compact(None if value is MISSING else value)
        if target.get("InputTransformer") is not None:
            return _transform(envelope, target["InputTransformer"], rule, ingested)
    except JsonPathError as error:
        raise InputTransformError(str(error)) from error
    return compact(envelope)


def compact(value: Any) -> str:
    """Return JSON without white space. Raises InputTransformError for a value that is nested too deeply."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except RecursionError as error:
        raise InputTransformError("The event is nested too deeply.") from error


def placeholders(template: str) -> list[str]:
    """Return the variable names that a template uses, without <>."""
    return _PLACEHOLDER.findall(template)


def _transform(envelope: Envelope, transformer: Mapping[str, Any], rule: Any, ingested: float) -> str:
    paths: Mapping[str, str] = transformer.get("InputPathsMap") or {}
    values = {name: find(envelope, path) for name, path in paths.items()}
    template = str(transformer["InputTemplate"])
    return fill(template, values | _predefined_values(envelope, rule, ingested))


def _predefined_values(envelope: Envelope, rule: Any, ingested: float) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-predefined."""
    without_detail = {name: envelope[name] for name in _WITHOUT_DETAIL if name in envelope}
    return {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": iso(ingested),
        "aws.events.event": without_detail | {"detailType": envelope["detail-type"]},
        "aws.events.event.json": envelope,
    }


def _is_json(template: str) -> bool:
    return template.lstrip()[:1] in ("{", "[")


def fill(template: str, values: Mapping[str, Any], placeholder: re.Pattern[str] = _PLACEHOLDER) -> str:
    """Replace placeholders: inside quotes with text, outside with JSON. Raises InputTransformError.

    The first group of the pattern `placeholder` is the name of the value.
    """
    bare, verbatim = template.strip(), _is_json(template)
    plain = not verbatim and not bare.startswith('"') and not placeholder.fullmatch(bare)

    def filled(part: str) -> str:
        quoted = plain or part.startswith('"')
        return placeholder.sub(lambda found: _value(values, found, quoted=quoted, verbatim=verbatim), part)

    text = "".join(map(filled, _QUOTED.split(template)))
    try:
        return compact(json.loads(text)) if verbatim else text
    except (ValueError, RecursionError) as error:
        raise InputTransformError(f"The input template gives no valid JSON for this event ({error}): {text}") from error


def _value(values: Mapping[str, Any], placeholder: re.Match[str], *, quoted: bool, verbatim: bool) -> str:
    """Return the text for a placeholder; empty if its path finds nothing in the event.

    As on AWS, inside quotes a string is not escaped. An object or array loses its own quotes in a text; in JSON, where
    it is used `verbatim`, its quotes end the string around it, so that the result is invalid.
    """
    if placeholder[1] not in values:
        return placeholder[0]
    value = values[placeholder[1]]
    if value is MISSING:
        return "" if quoted else '""'
    if not quoted:
        return compact(value)
    if isinstance(value, str):
        return value
    return compact(value) if verbatim else compact(value).replace('"', "")
