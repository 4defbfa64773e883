"""Authorizes the delivery of a rule to a target: by the policy of the target, by its key, or by the rule's role.

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
    """Authorizes each rule and target once, until a call changes a policy."""

    def __init__(self, region: AccountRegion, access: Access) -> None:
        self._region = region
        self._access = access
        self._refusals: dict[tuple[Any, ...], str | None] = {}

    def changed(self) -> None:
        """Authorize every rule again."""
        self._refusals.clear()

    def refusal(self, target: Mapping[str, Any], rule: str, known: Known = _NONE) -> str | None:
        """Return why a rule may not deliver to a target; None if it may. Raises UnsupportedPolicyError.

        `rule` is an ARN. `known` contains the condition keys of the event.
        """
        if not self._access.enforce_iam:
            return None
        key = (target["Arn"], target.get("RoleArn"), rule, *known.items())
        if key not in self._refusals:
            self._refusals[key] = self._evaluate(target["Arn"], target.get("RoleArn"), rule, known)
        return self._refusals[key]

    def _evaluate(self, arn: str, role: str | None, rule: str, known: Known) -> str | None:
        service, account = arn.split(":")[2], arn.split(":")[4]
        if role is not None:
            return self._denied_to_role(role, arn, rule, known)
        if service != "events" and account not in ("", self._region.account):
            return f"{arn} belongs to another account: the target of the rule must have a RoleArn, and has none."
        needed = self._needed(arn)
        if ":event-bus/" in arn:
            return self._denied_by_bus(arn, rule, known)
        if needed.role_required:
            return f"The target {arn} needs a RoleArn of a role that allows {needed.actions[0]}, and has none."
        return self._denied_by_policy(arn, rule) if needed.actions else None

    def _needed(self, arn: str) -> DeliveryPermissions:
        service = self._region.service_named(arn.split(":")[2])
        return service.delivery_permissions(arn) if service else DeliveryPermissions()

    def _denied_by_policy(self, arn: str, rule: str) -> str | None:
        """Return why the policy of a target or of its key denies EventBridge; None if both allow it."""
        for action in self._needed(arn).actions:
            if not self._access.may_deliver(EVENTS, action, _resource(arn), rule):
                return f"No policy of {arn} allows {EVENTS} {action} for the rule {rule}."
        key = self._key_of(arn)
        for action in self._needed(arn).key_actions if key else ():
            if not self._access.may_deliver(EVENTS, action, str(key), rule):
                return f"{arn} is encrypted, and the policy of its key {key} does not allow {EVENTS} {action}."
        return None

    def _denied_by_bus(self, arn: str, rule: str, known: Known) -> str | None:
        (action,) = self._needed(arn).actions
        service_allowed = self._access.may_deliver(EVENTS, action, arn, rule, known)
        if service_allowed or self._access.allows_account(action, arn, {**known, **_source(rule)}):
            return None
        return (
            f"The target {arn} has no RoleArn, and the policy of the bus does not allow {action} for the rule {rule}."
        )

    def _denied_to_role(self, role: str, arn: str, rule: str, known: Known) -> str | None:
        """Return why a role does not allow the delivery; None if it does."""
        if not self._access.may_deliver(EVENTS, "sts:AssumeRole", role, rule):
            return f"The trust policy of the role {role} does not allow {EVENTS}."
        service, request_keys = arn.split(":")[2], {**known, **_source(rule)} if ":event-bus/" in arn else known
        permissions = [Permission(action, _resource(arn), request_keys) for action in self._needed(arn).actions]
        if key := self._key_of(arn):
            via = {"kms:viaservice": (f"{service}.{self._region.name}.amazonaws.com",)}
            permissions += [Permission(action, key, via) for action in self._needed(arn).key_actions]
        session = rule.rpartition("/")[2]
        denied = next(
            (found for permission in permissions if (found := self._access.denied(role, session, permission))), None
        )
        return f"The role {role} does not allow {denied.action} on {denied.resource} {denied.why}." if denied else None

    def _key_of(self, arn: str) -> str | None:
        """Return the ARN of the customer managed key of a resource; None if it has none or the account is unknown."""
        owner = self._region.owner(arn)
        service = owner.service_named(arn.split(":")[2]) if owner else None
        named = service.encryption_key(arn) if service else None
        if owner is None or not named or "alias/aws/" in named:
            return None
        return next((str(key.arn) for key in list(owner.backends.kms.keys.values()) if named in _names_of(key)), None)


def _names_of(key: Any) -> set[str]:
    return {key.id, key.arn, *key.aliases, *(alias.alias_arn for alias in key.aliases.values())}


def _source(rule: str) -> Known:
    """Return the condition keys of a rule that puts an event onto a bus.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-example-policy-restrict-account.html
    """
    return {"aws:sourcearn": (rule,), "aws:sourceaccount": (rule.split(":")[4],)}


def _resource(arn: str) -> str:
    """Return the resource that a target's policy has to name: for a log group, a log stream in it."""
    return f"{arn.removesuffix(':*')}:log-stream:any" if arn.split(":")[2] == "logs" else arn
