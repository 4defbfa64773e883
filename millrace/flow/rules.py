"""The pattern of a rule, as far as the template writes it out."""

import json
from collections.abc import Mapping
from typing import Any

from millrace.flow.assembly import Assembly, Resource

UNSUCCESSFUL = ("FAILED", "TIMED_OUT", "ABORTED")
"""How an execution ends that has not succeeded."""
REDRIVABLE_SECONDS = 14 * 24 * 3600
"""How long after that it can be redriven; a dead letter is kept for as long.

https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""


def pattern_of(rule: Resource) -> Mapping[str, Any]:
    """A rule's event pattern; what is only known when it is deployed stands in it as a text that nothing equals."""
    pattern: Mapping[str, Any] = _plain(rule.properties["EventPattern"])
    return pattern


def failed_executions(assembly: Assembly, rule: Resource) -> list[Resource]:
    """The state machines of which a rule matches every execution that ends without success.

    https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    pattern = rule.properties.get("EventPattern") or {}
    detail = pattern.get("detail", {}) if "aws.states" in pattern.get("source", ()) else {}
    told = detail.get("status", UNSUCCESSFUL)
    named = [assembly.named(arn, rule) for arn in detail.get("stateMachineArn", ())]
    every = all(status in told for status in UNSUCCESSFUL)
    return [machine for machine in named if machine and every]


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if any(key == "Ref" or key.startswith("Fn::") for key in value):
        return json.dumps(value)
    return {key: _plain(inner) for key, inner in value.items()}
