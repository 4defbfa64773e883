"""What a rule's target is handed: the whole envelope, a part of it, or a text made from it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from millrace.local.core.clock import iso
from millrace.local.core.jsonpath import MISSING, JsonPathError, find

Envelope = dict[str, Any]
PREDEFINED = frozenset(
    f"aws.events.{name}" for name in ("rule-arn", "rule-name", "event.ingestion-time", "event", "event.json")
)
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")', re.DOTALL)
_WITHOUT_DETAIL = ("id", "account", "source", "time", "region", "resources", "version")


class BadInput(ValueError):
    """An input that cannot be made from this event."""


def shaped(envelope: Envelope, target: Mapping[str, Any], rule: Any, ingested: float) -> str:
    """The text of a target's input. Raises BadInput.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
    """
    try:
        if target.get("Input") is not None:
            return str(target["Input"])
        if target.get("InputPath") is not None:
            value = find(envelope, target["InputPath"])
            return compact(None if value is MISSING else value)
        if target.get("InputTransformer") is not None:
            return _transformed(envelope, target["InputTransformer"], rule, ingested)
    except JsonPathError as error:
        raise BadInput(str(error)) from error
    return compact(envelope)


def compact(value: Any) -> str:
    """JSON without white space."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def placeholders(template: str) -> list[str]:
    """The names that a template asks for, without <>."""
    return _PLACEHOLDER.findall(template)


def _transformed(envelope: Envelope, transformer: Mapping[str, Any], rule: Any, ingested: float) -> str:
    paths: Mapping[str, str] = transformer.get("InputPathsMap") or {}
    values = {name: find(envelope, path) for name, path in paths.items()} | _predefined(envelope, rule, ingested)
    template = str(transformer["InputTemplate"])
    text = _filled(template, values)
    return _minified(text) if _is_json(template) else text


def _predefined(envelope: Envelope, rule: Any, ingested: float) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-predefined."""
    without = {name: envelope[name] for name in _WITHOUT_DETAIL if name in envelope}
    return {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": iso(ingested),
        "aws.events.event": without | {"detailType": envelope["detail-type"]},
        "aws.events.event.json": envelope,
    }


def _is_json(template: str) -> bool:
    return template.lstrip()[:1] in ("{", "[")


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template in: a value within quotes as text, outside them as JSON."""
    bare = template.strip()
    plain = not _is_json(bare) and not bare.startswith('"') and not _PLACEHOLDER.fullmatch(bare)
    return "".join(
        _PLACEHOLDER.sub(lambda found: _value(values, found, quoted=plain or part.startswith('"')), part)  # noqa: B023 - used at once
        for part in _QUOTED.split(template)
    )


def _value(values: Mapping[str, Any], placeholder: re.Match[str], *, quoted: bool) -> str:
    """One value in its place.

    Within quotes a string goes in unescaped, and an object or array loses its quotes, as AWS says; a path that led
    nowhere is an empty string.
    """
    if placeholder[1] not in values:
        return placeholder[0]
    value = values[placeholder[1]]
    if value is MISSING:
        return "" if quoted else '""'
    if not quoted:
        return compact(value)
    return value if isinstance(value, str) else compact(value).replace('"', "")


def _minified(text: str) -> str:
    try:
        return compact(json.loads(text))
    except ValueError as error:
        raise BadInput(f"The input template gives no valid JSON for this event ({error}): {text}") from error
