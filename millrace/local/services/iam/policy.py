"""Policy documents, compiled once: statements and whom they are about.

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


class Named(IntEnum):
    """How closely a resource's policy names a principal."""

    NOT = 0
    ACCOUNT = 1
    """Its account: whoever its own policies allow."""
    ROLE = 2
    """Its role, or everybody."""
    SESSION = 3
    """Its session itself."""


class Principal(NamedTuple):
    """Who asks: a session of a role, or a service of AWS (then `service` alone is set)."""

    account: str = ""
    role: str = ""
    session: str = ""
    service: str = ""

    def named_by(self, text: str, kind: str) -> Named:
        """How a text below AWS or Service names it."""
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

    def __init__(self, given: dict[str, Any], *, variables: bool) -> None:
        self.allows = given.get("Effect") == "Allow"
        self._other_actions, actions = "NotAction" in given, _many(given.get("NotAction", given.get("Action")))
        self._actions = [Pattern(action, variables=False, fold=True) for action in actions]
        self._other_resources = "NotResource" in given
        resources = _many(given.get("NotResource", given.get("Resource", "*")))
        self._resources = [Pattern(resource, variables=variables) for resource in resources]
        self._other_principals = "NotPrincipal" in given
        self._principals = _principals(given.get("NotPrincipal", given.get("Principal")))
        self._conditions = conditions(given.get("Condition"), variables=variables)

    def applies(self, ask: Permission, facts: Facts) -> bool:
        """Whether it is about an ask. Raises CannotJudge if that hangs on a condition key that is not known here."""
        return (
            any(pattern.matches(ask.action, facts.variable) for pattern in self._actions) is not self._other_actions
            and any(pattern.matches(ask.resource, facts.variable) for pattern in self._resources)
            is not self._other_resources
            and self._meets(facts)
        )

    def _meets(self, facts: Facts) -> bool:
        """Whether every condition holds; one that is known not to outweighs one that cannot be judged."""
        doubt: UnsupportedPolicyError | None = None
        for condition in self._conditions:
            try:
                if not condition.holds(facts):
                    return False
            except UnsupportedPolicyError as error:
                doubt = error
        if doubt:
            raise doubt
        return True

    def names(self, who: Principal) -> Named:
        """How closely it names a principal."""
        closest = max((who.named_by(text, kind) for kind, text in self._principals), default=Named.NOT)
        if self._other_principals:
            return Named.NOT if closest else Named.ROLE
        return closest


@lru_cache(maxsize=1024)
def compiled(text: str) -> tuple[Statement, ...]:
    """The statements of a policy document."""
    document = json.loads(text)
    variables = document.get("Version") == "2012-10-17"
    return tuple(Statement(given, variables=variables) for given in _many(document.get("Statement")))


def _principals(given: Any) -> list[tuple[str, str]]:
    if isinstance(given, str):
        return [("AWS", given)]
    return [(kind, text) for kind, texts in (given or {}).items() for text in _many(texts)]


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
