"""The pattern of a rule, as far as the template writes it out."""

import json
from collections.abc import Mapping
from typing import Any

from millrace.flow.assembly import Resource


def pattern_of(rule: Resource) -> Mapping[str, Any]:
    """A rule's event pattern; what is only known when it is deployed stands in it as a text that nothing equals."""
    pattern: Mapping[str, Any] = _plain(rule.properties["EventPattern"])
    return pattern


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if any(key == "Ref" or key.startswith("Fn::") for key in value):
        return json.dumps(value)
    return {key: _plain(inner) for key, inner in value.items()}
