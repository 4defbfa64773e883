"""Whether a rule may reach a target: by the policy of the target, by its key, or by the role of the rule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from millrace.local.core.backends import Backends
from millrace.local.services.iam import Access, Known, Permission

EVENTS = "events.amazonaws.com"
_BY_POLICY = {
    "lambda": ("lambda:InvokeFunction",),
    "logs": ("logs:CreateLogStream", "logs:PutLogEvents"),
    "sns": ("sns:Publish",),
    "sqs": ("sqs:SendMessage",),
}
"""What the policies of targets allow EventBridge itself, or those of a role where the target names one."""
_BY_ROLE = {
    "events": ("events:PutEvents",),
    "kinesis": ("kinesis:PutRecord",),
    "states": ("states:StartExecution",),
}
_TO_USE_KEY = {
    "kinesis": ("kms:GenerateDataKey",),
    "sns": ("kms:Decrypt", "kms:GenerateDataKey"),
    "sqs": ("kms:Decrypt", "kms:GenerateDataKey"),
}
_NONE: Known = MappingProxyType({})


class Permissions:
    """Judges each rule and target once, until a call may have changed a policy."""

    def __init__(self, access: Access, backends: Backends, near: Callable[[str], Backends | None]) -> None:
        self._access = access
        self._backends = backends
        self._near = near
        self._judged: dict[tuple[Any, ...], str | None] = {}

    def changed(self) -> None:
        """Judge afresh."""
        self._judged.clear()

    def refusal(self, target: Mapping[str, Any], rule: str, known: Known = _NONE) -> str | None:
        """Why a rule, by its ARN, may not reach a target; None where it may. Raises CannotJudge.

        `known` is what conditions may ask for of the event.
        """
        if not self._access.enforce_iam:
            return None
        asked = (target["Arn"], target.get("RoleArn"), rule, *known.items())
        if asked not in self._judged:
            self._judged[asked] = self._judge(target["Arn"], target.get("RoleArn"), rule, known)
        return self._judged[asked]

    def _judge(self, arn: str, role: str | None, rule: str, known: Known) -> str | None:
        service, account = arn.split(":")[2], arn.split(":")[4]
        if role is not None:
            return self._beyond(role, arn, rule, known)
        if service != "events" and account not in ("", self._backends.account):
            return f"A rule reaches {arn}, of another account, in the name of a role, and its target names none."
        if service in _BY_POLICY:
            return self._closed(arn, rule)
        if ":event-bus/" in arn:
            return self._closed_bus(arn, rule, known)
        if service in _BY_ROLE:
            return f"A rule reaches {arn} in the name of a role that may {_actions(arn)[0]}, and its target names none."
        return None  # the local cloud delivers to no such target, and says so

    def _closed(self, arn: str, rule: str) -> str | None:
        """Why the policies of a target and of its key do not let EventBridge in."""
        for action in _actions(arn):
            if not self._access.may_deliver(EVENTS, action, _resource(arn), rule):
                return f"No policy of {arn} lets {EVENTS} in with {action} for the rule {rule}."
        key = self._backends.key_of(arn)
        for action in _TO_USE_KEY[arn.split(":")[2]] if key else ():
            if not self._access.may_deliver(EVENTS, action, str(key), rule):
                return f"{arn} is encrypted, and the policy of its key {key} does not allow {EVENTS} {action}."
        return None

    def _closed_bus(self, arn: str, rule: str, known: Known) -> str | None:
        (action,) = _actions(arn)
        service_in = self._access.may_deliver(EVENTS, action, arn, rule, known)
        if service_in or self._access.lets_account_in(action, arn, {**known, **_source(rule)}):
            return None
        return f"The target {arn} names no role, and the policy of the bus does not allow {action} for the rule {rule}."

    def _beyond(self, role: str, arn: str, rule: str, known: Known) -> str | None:
        """Why a role is not let do what delivering takes."""
        if not self._access.may_deliver(EVENTS, "sts:AssumeRole", role, rule):
            return f"The role {role} does not let {EVENTS} assume it."
        service, told = arn.split(":")[2], {**known, **_source(rule)} if ":event-bus/" in arn else known
        asks = [Permission(action, _resource(arn), told) for action in _actions(arn)]
        if key := self._key_of(arn):
            via = {"kms:viaservice": (f"{service}.{self._backends.region}.amazonaws.com",)}
            asks += [Permission(action, key, via) for action in _TO_USE_KEY[service]]
        session = rule.rpartition("/")[2]
        denied = next((found for ask in asks if (found := self._access.denied(role, session, ask))), None)
        return f"The role {role} may not {denied.action} on {denied.resource} {denied.why}." if denied else None

    def _key_of(self, arn: str) -> str | None:
        backends = self._near(arn)
        return backends.key_of(arn) if backends else None


def _source(rule: str) -> Known:
    """What a bus is told of the rule that puts an event onto it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-example-policy-restrict-account.html
    """
    return {"aws:sourcearn": (rule,), "aws:sourceaccount": (rule.split(":")[4],)}


def _actions(arn: str) -> tuple[str, ...]:
    if ":api-destination/" in arn:
        return ("events:InvokeApiDestination",)
    service = arn.split(":")[2]
    return _BY_POLICY.get(service, ()) or _BY_ROLE.get(service, ())


def _resource(arn: str) -> str:
    """What a target's policy has to name: of a log group, a stream in it."""
    return f"{arn.removesuffix(':*')}:log-stream:any" if arn.split(":")[2] == "logs" else arn
