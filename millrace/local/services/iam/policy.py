"""Policy documents, compiled once.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import json
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.services.iam.conditions import conditions
from millrace.local.services.iam.facts import Facts, Permission
from millrace.local.services.iam.patterns import Pattern

_MAX_MATCHED = 1024
"""Actions and resources for which a statement keeps whether it matches."""


class Named(IntEnum):
    """How closely a resource's policy names a principal."""

    NOT = 0
    ACCOUNT = 1
    """Its account, which delegates to its own policies."""
    ROLE = 2
    """Its role, or everyone."""
    SESSION = 3
    """Its session itself."""


class Principal(NamedTuple):
    """A session of a role, or an AWS service (then only `service` is set)."""

    account: str = ""
    role: str = ""
    session: str = ""
    service: str = ""

    def named_by(self, text: str, kind: str) -> Named:
        """Return how closely an element of `Principal` names it. `kind` is AWS or Service."""
        if text == "*":
            return Named.ROLE
        if kind == "Service":
            return Named.ROLE if text == self.service else Named.NOT
        if self.service or kind != "AWS":
            return Named.NOT
        if text in (self.account, f"arn:aws:iam::{self.account}:root"):
            return Named.ACCOUNT
        return {self.role: Named.ROLE, self.session: Named.SESSION}.get(text, Named.NOT)


class Statement:
    """One statement of a policy."""

    def __init__(self, element: dict[str, Any], *, variables: bool) -> None:
        self.allows = element.get("Effect") == "Allow"
        self._other_actions, actions = "NotAction" in element, _many(element.get("NotAction", element.get("Action")))
        self._actions = [Pattern(action, variables=False, fold=True) for action in actions]
        self._other_resources = "NotResource" in element
        resources = _many(element.get("NotResource", element.get("Resource", "*")))
        self._resources = [Pattern(resource, variables=variables) for resource in resources]
        self._other_principals = "NotPrincipal" in element
        self._principals = _principals(element.get("NotPrincipal", element.get("Principal")))
        self._conditions = conditions(element.get("Condition"), variables=variables)
        self._matched: dict[tuple[str, str], bool] | None = {} if all(each.fixed for each in self._resources) else None

    def applies(self, permission: Permission, facts: Facts) -> bool:
        """Return whether it applies to a permission. Raises UnsupportedPolicyError for an unknown condition key."""
        return self._covers(permission, facts) and self._meets(facts)

    def _covers(self, permission: Permission, facts: Facts) -> bool:
        """Return whether it matches action and resource. Without policy variables, that never changes."""
        if self._matched is None:
            return self._matches(permission, facts)
        about = permission.action, permission.resource
        found = self._matched.get(about)
        if found is None:
            if len(self._matched) >= _MAX_MATCHED:
                self._matched.clear()
            found = self._matched[about] = self._matches(permission, facts)
        return found

    def _matches(self, permission: Permission, facts: Facts) -> bool:
        return (
            any(pattern.matches(permission.action, facts.variable) for pattern in self._actions)
            is not self._other_actions
            and any(pattern.matches(permission.resource, facts.variable) for pattern in self._resources)
            is not self._other_resources
        )

    def _meets(self, facts: Facts) -> bool:
        """Return whether every condition holds. A condition that fails decides before one that is unsupported."""
        unsupported: UnsupportedPolicyError | None = None
        for condition in self._conditions:
            try:
                if not condition.holds(facts):
                    return False
            except UnsupportedPolicyError as error:
                unsupported = error
        if unsupported:
            raise unsupported
        return True

    def names(self, principal: Principal) -> Named:
        """Return how closely it names a principal."""
        closest = max((principal.named_by(text, kind) for kind, text in self._principals), default=Named.NOT)
        if self._other_principals:
            return Named.NOT if closest else Named.ROLE
        return closest


@lru_cache(maxsize=1024)
def compiled(text: str) -> tuple[Statement, ...]:
    """Return the statements of a policy document."""
    document = json.loads(text)
    variables = document.get("Version") == "2012-10-17"
    return tuple(Statement(element, variables=variables) for element in _many(document.get("Statement")))


def _principals(element: Any) -> list[tuple[str, str]]:
    if isinstance(element, str):
        return [("AWS", element)]
    return [(kind, text) for kind, texts in (element or {}).items() for text in _many(texts)]


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
