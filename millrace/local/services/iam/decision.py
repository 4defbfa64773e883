"""Evaluates policies within one account: an allow of either side is enough. `Access` evaluates both for two accounts.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.services.iam.facts import Facts, Permission
from millrace.local.services.iam.policy import Named, Principal, Statement

Statements = Iterable[Statement]


@dataclass(frozen=True)
class Denied:
    """A permission that is not allowed, and the kind of policy that is the reason."""

    action: str
    resource: str
    why: str


@dataclass(frozen=True)
class Policies:
    """The policies that apply to a permission. `boundary` and `resource` are None if there is none.

    With `strict`, as for KMS keys and trust policies, the policy of the resource must allow the principal or its
    account; the role's own policies are not enough.
    """

    identity: Statements
    boundary: Statements | None = None
    resource: Statements | None = None
    strict: bool = False


def decide(permission: Permission, facts: Facts, principal: Principal, policies: Policies) -> Denied | None:
    """Return None if a permission is allowed.

    Raises UnsupportedPolicyError if that depends on a condition key that the local cloud does not know.
    """
    evaluation = _Evaluation(permission, facts, principal, policies)
    why = evaluation.explicit_deny()
    if why is None:
        unsupported, evaluation.unsupported = evaluation.unsupported, []
        why = evaluation.missing_allow()
        for error in evaluation.unsupported if why else unsupported:
            raise error
    return Denied(permission.action, permission.resource, why) if why else None


class _Evaluation:
    """The evaluation of one permission. `unsupported` collects the conditions that cannot be evaluated."""

    def __init__(self, permission: Permission, facts: Facts, principal: Principal, policies: Policies) -> None:
        self._permission = permission
        self._facts = facts
        self._principal = principal
        self._policies = policies
        self.unsupported: list[UnsupportedPolicyError] = []

    def explicit_deny(self) -> str | None:
        """Return the explicit deny, if there is one."""
        policies = self._policies
        for statements, kind in ((policies.identity, "an identity-based policy"), (policies.boundary, _BOUNDARY)):
            if any(not statement.allows and self._applies(statement) for statement in statements or ()):
                return f"with an explicit deny in {kind}"
        if self._closest(allows=False):
            return "with an explicit deny in a resource-based policy"
        return None

    def missing_allow(self) -> str | None:
        """Return the kind of policy that lacks an allow; None if the permission is allowed."""
        named = self._closest(allows=True)
        if named is Named.SESSION:
            return None
        if self._policies.strict and not named:
            return self._missing("resource-based policy")
        if named is not Named.ROLE and not self._any_allow(self._policies.identity):
            return self._missing("identity-based policy" if not self._principal.service else "resource-based policy")
        if self._policies.boundary is not None and not self._any_allow(self._policies.boundary):
            return self._missing("permissions boundary")
        return None

    def _missing(self, kind: str) -> str:
        return f"because no {kind} allows the {self._permission.action} action"

    def _any_allow(self, statements: Statements) -> bool:
        return any(statement.allows and self._applies(statement) for statement in statements)

    def _closest(self, *, allows: bool) -> Named:
        """Return how closely the resource's policy names the principal, in the statements that apply."""
        found = Named.NOT
        for statement in self._policies.resource or ():
            named = statement.names(self._principal)
            if statement.allows is allows and named > found and self._applies(statement):
                found = named
        return found

    def _applies(self, statement: Statement) -> bool:
        try:
            return statement.applies(self._permission, self._facts)
        except UnsupportedPolicyError as error:
            self.unsupported.append(error)
            return False


_BOUNDARY = "a permissions boundary"
