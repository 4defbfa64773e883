"""Whether a rule may reach a target whose own policy says who may.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

import json
from collections.abc import Callable
from typing import Any

from millrace.local.access import Access
from millrace.local.plane.state import State

PRINCIPAL = "events.amazonaws.com"
_ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}
_DEFAULT_TOPIC_POLICY = "__default_policy_ID"


class Permissions:
    """Judges each rule and target once, until a call may have changed a policy."""

    def __init__(self, access: Access, state: State) -> None:
        self._access = access
        self._state = state
        self._judged: dict[tuple[str, str], bool] = {}

    def changed(self) -> None:
        """Judge afresh."""
        self._judged.clear()

    def may_reach(self, target_arn: str, rule_arn: str) -> bool:
        """Whether the policy of a function, queue or topic lets a rule in. Raises LookupError for a target gone.

        A target without any policy of its own lets every rule in; on AWS it would let none in. Raises CannotJudge.
        """
        known = (target_arn, rule_arn)
        if known not in self._judged:
            self._judged[known] = self._judge(target_arn, rule_arn)
        return self._judged[known]

    def _judge(self, target_arn: str, rule_arn: str) -> bool:
        service = target_arn.split(":")[2]
        if service not in _ACTIONS or not _HAS_POLICY[service](self._state, target_arn):
            return True
        return self._access.may_deliver(PRINCIPAL, _ACTIONS[service], target_arn, rule_arn)


def _has_function(state: State, arn: str) -> bool:
    from moto.awslambda.exceptions import UnknownFunctionException  # noqa: PLC0415 - as in state.py

    try:
        function = state.lambda_.get_function(arn)
    except UnknownFunctionException as error:
        raise LookupError(f"Function not found: {arn}") from error
    return bool(function.policy and function.policy.statements)


def _has_queue(state: State, arn: str) -> bool:
    return bool(state.queue(arn).policy)


def _has_topic(state: State, arn: str) -> bool:
    if arn not in state.sns.topics:
        raise LookupError(f"The topic {arn} does not exist.")
    policy: dict[str, Any] = json.loads(state.sns.topics[arn].policy)
    return policy.get("Id") != _DEFAULT_TOPIC_POLICY or len(policy["Statement"]) > 1


_HAS_POLICY: dict[str, Callable[[State, str], bool]] = {"lambda": _has_function, "sqs": _has_queue, "sns": _has_topic}
