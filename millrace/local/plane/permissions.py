"""Whether a rule may reach a target whose own policy says who may.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from millrace.local.plane.state import State

PRINCIPAL = "events.amazonaws.com"
_DEFAULT_TOPIC_POLICY = "__default_policy_ID"

Statement = Mapping[str, Any]


def may_reach(state: State, target_arn: str, rule_arn: str) -> bool:
    """Whether the policy of a function, queue or topic lets a rule in.

    A target without any policy of its own lets every rule in; on AWS it would let none in.
    """
    service = target_arn.split(":")[2]
    statements = _READERS[service](state, target_arn) if service in _READERS else None
    if not statements:
        return True
    about = {"aws:sourcearn": rule_arn, "aws:sourceaccount": state.account}
    applying = [statement for statement in statements if _applies(statement, _ACTIONS[service], about)]
    effects = {statement.get("Effect", "Allow") for statement in applying}
    return "Allow" in effects and "Deny" not in effects


_ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}


def _of_function(state: State, arn: str) -> Iterable[Statement]:
    function = state.lambda_.get_function(arn)
    return list(function.policy.statements) if function.policy else []


def _of_queue(state: State, arn: str) -> Iterable[Statement]:
    policy = state.queue(arn).policy
    return _statements(policy)


def _of_topic(state: State, arn: str) -> Iterable[Statement]:
    policy = json.loads(state.sns.topics[arn].policy)
    return [] if policy.get("Id") == _DEFAULT_TOPIC_POLICY and len(policy["Statement"]) == 1 else _statements(policy)


_READERS: dict[str, Callable[[State, str], Iterable[Statement]]] = {
    "lambda": _of_function,
    "sqs": _of_queue,
    "sns": _of_topic,
}


def _statements(policy: Any) -> list[Statement]:
    known = json.loads(policy) if isinstance(policy, str) and policy else policy or {}
    return _many(known.get("Statement"))


def _applies(statement: Statement, action: str, about: Mapping[str, str]) -> bool:
    actions = [str(pattern).lower() for pattern in _many(statement.get("Action"))]
    return (
        _is_principal(statement.get("Principal"))
        and any(fnmatchcase(action.lower(), pattern) for pattern in actions)
        and all(_holds(kind, wanted, about) for kind, wanted in (statement.get("Condition") or {}).items())
    )


def _is_principal(principal: Any) -> bool:
    if isinstance(principal, Mapping):
        return PRINCIPAL in _many(principal.get("Service")) or "*" in _many(principal.get("AWS"))
    return principal in ("*", PRINCIPAL)


def _holds(kind: str, wanted: Mapping[str, Any], about: Mapping[str, str]) -> bool:
    """One condition; one that is about something else than the rule and its account does not hold."""
    name = re.sub(r"^ForA(ny|ll)Values?:|IfExists$", "", kind)
    return all(
        key.lower() in about and any(_compared(name, about[key.lower()], str(value)) for value in _many(values))
        for key, values in wanted.items()
    )


def _compared(kind: str, had: str, wanted: str) -> bool:
    if kind in ("ArnEquals", "ArnLike", "StringLike"):
        return fnmatchcase(had, wanted)
    return kind in ("StringEquals", "StringEqualsIgnoreCase") and had == wanted


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
