"""Whether a rule may reach a target: by the policy of the target, by its key, or by the role of the rule.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.service import DeliveryPermissions
from millrace.local.services.iam.access import Access
from millrace.local.services.iam.facts import Known, Permission

EVENTS = "events.amazonaws.com"
_NONE: Known = MappingProxyType({})


class RuleAuthorization:
    """Judges each rule and target once, until a call may have changed a policy."""

    def __init__(self, region: AccountRegion, access: Access) -> None:
        self._region = region
        self._access = access
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
        if service != "events" and account not in ("", self._region.account):
            return f"A rule reaches {arn}, of another account, in the name of a role, and its target names none."
        needed = self._needed(arn)
        if ":event-bus/" in arn:
            return self._closed_bus(arn, rule, known)
        if needed.role_required:
            return (
                f"A rule reaches {arn} in the name of a role that may {needed.actions[0]}, and its target names none."
            )
        return self._closed(arn, rule) if needed.actions else None

    def _needed(self, arn: str) -> DeliveryPermissions:
        service = self._region.service_named(arn.split(":")[2])
        return service.delivery_permissions(arn) if service else DeliveryPermissions()

    def _closed(self, arn: str, rule: str) -> str | None:
        """Why the policies of a target and of its key do not let EventBridge in."""
        for action in self._needed(arn).actions:
            if not self._access.may_deliver(EVENTS, action, _resource(arn), rule):
                return f"No policy of {arn} lets {EVENTS} in with {action} for the rule {rule}."
        key = self._key_of(arn)
        for action in self._needed(arn).key_actions if key else ():
            if not self._access.may_deliver(EVENTS, action, str(key), rule):
                return f"{arn} is encrypted, and the policy of its key {key} does not allow {EVENTS} {action}."
        return None

    def _closed_bus(self, arn: str, rule: str, known: Known) -> str | None:
        (action,) = self._needed(arn).actions
        service_in = self._access.may_deliver(EVENTS, action, arn, rule, known)
        if service_in or self._access.lets_account_in(action, arn, {**known, **_source(rule)}):
            return None
        return f"The target {arn} names no role, and the policy of the bus does not allow {action} for the rule {rule}."

    def _beyond(self, role: str, arn: str, rule: str, known: Known) -> str | None:
        """Why a role is not let do what delivering takes."""
        if not self._access.may_deliver(EVENTS, "sts:AssumeRole", role, rule):
            return f"The role {role} does not let {EVENTS} assume it."
        service, told = arn.split(":")[2], {**known, **_source(rule)} if ":event-bus/" in arn else known
        asks = [Permission(action, _resource(arn), told) for action in self._needed(arn).actions]
        if key := self._key_of(arn):
            via = {"kms:viaservice": (f"{service}.{self._region.name}.amazonaws.com",)}
            asks += [Permission(action, key, via) for action in self._needed(arn).key_actions]
        session = rule.rpartition("/")[2]
        denied = next((found for ask in asks if (found := self._access.denied(role, session, ask))), None)
        return f"The role {role} may not {denied.action} on {denied.resource} {denied.why}." if denied else None

    def _key_of(self, arn: str) -> str | None:
        """The ARN of the customer managed key that encrypts a resource; None if it has none, or of another account."""
        owner = self._region.owner(arn)
        service = owner.service_named(arn.split(":")[2]) if owner else None
        named = service.encryption_key(arn) if service else None
        if owner is None or not named or "alias/aws/" in named:
            return None
        return next((str(key.arn) for key in list(owner.backends.kms.keys.values()) if named in _names_of(key)), None)


def _names_of(key: Any) -> set[str]:
    return {key.id, key.arn, *key.aliases, *(alias.alias_arn for alias in key.aliases.values())}


def _source(rule: str) -> Known:
    """What a bus is told of the rule that puts an event onto it.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-example-policy-restrict-account.html
    """
    return {"aws:sourcearn": (rule,), "aws:sourceaccount": (rule.split(":")[4],)}


def _resource(arn: str) -> str:
    """What a target's policy has to name: of a log group, a stream in it."""
    return f"{arn.removesuffix(':*')}:log-stream:any" if arn.split(":")[2] == "logs" else arn
