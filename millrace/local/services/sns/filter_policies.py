"""Filter policies of subscriptions, which match like event patterns.

https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from millrace.patterns import Pattern, compile_pattern

_ABSENT = {"exists": False}


def passes(subscription: Any, attributes: Mapping[str, Mapping[str, Any]], message: str) -> bool:
    """Return whether a message passes the policy of moto's subscription, which may have none."""
    of_body = subscription.attributes.get("FilterPolicyScope") == "MessageBody"
    pattern = _pattern(subscription.attributes.get("FilterPolicy") or "{}", of_body=of_body)
    if pattern is None:
        return True
    if of_body:
        body = _parsed(message)
        return isinstance(body, dict) and pattern.matches(body)
    values = {name: _value(each) for name, each in attributes.items() if not str(each["Type"]).startswith("Binary")}
    return pattern.matches(values)


@lru_cache(maxsize=1024)
def _pattern(text: str, *, of_body: bool) -> Pattern | None:
    """Return the pattern of a policy; None for an empty one."""
    policy = json.loads(text)
    return compile_pattern(text if of_body else json.dumps(_with_absent(policy))) if policy else None


def _with_absent(policy: Any) -> Any:
    """Return a policy in which null matches an attribute that a message does not have, too."""
    if isinstance(policy, dict):
        return {name: _with_absent(rules) for name, rules in policy.items()}
    if isinstance(policy, list) and None in policy:
        return [*policy, _ABSENT]
    return [_with_absent(each) if isinstance(each, dict) and "$or" in each else each for each in policy]


def _value(attribute: Mapping[str, Any]) -> Any:
    kind, text = str(attribute["Type"]), str(attribute["Value"])
    return _parsed(text) if kind.startswith(("Number", "String.Array")) else text


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
