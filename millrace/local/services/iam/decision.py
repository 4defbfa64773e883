"""Whether policies allow an ask: of the own account, one side is enough; of another, `Access` asks for each side.

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
    """An ask that was not allowed, and the kind of policy that is the reason."""

    action: str
    resource: str
    why: str


@dataclass(frozen=True)
class Policies:
    """What bears on an ask. `boundary` and `resource` are None where there is none.

    Where `strict`, as for keys and the trust in roles, a role's own policies do not suffice: that of the resource
    must at least leave it to the account's.
    """

    identity: Statements
    boundary: Statements | None = None
    resource: Statements | None = None
    strict: bool = False


def decide(ask: Permission, facts: Facts, who: Principal, policies: Policies) -> Denied | None:
    """None if the ask is allowed. Raises CannotJudge if that hangs on a condition key that is not known here."""
    judge = _Judge(ask, facts, who, policies)
    why = judge.denial()
    if why is None:
        doubts, judge.doubts = judge.doubts, []
        why = judge.lack()
        for doubt in judge.doubts if why else doubts:
            raise doubt
    return Denied(ask.action, ask.resource, why) if why else None


class _Judge:
    def __init__(self, ask: Permission, facts: Facts, who: Principal, policies: Policies) -> None:
        self._ask = ask
        self._facts = facts
        self._who = who
        self._policies = policies
        self.doubts: list[UnsupportedPolicyError] = []

    def denial(self) -> str | None:
        """The explicit deny, if there is one."""
        policies = self._policies
        for statements, kind in ((policies.identity, "an identity-based policy"), (policies.boundary, _BOUNDARY)):
            if any(not statement.allows and self._applies(statement) for statement in statements or ()):
                return f"with an explicit deny in {kind}"
        if self._named(allows=False):
            return "with an explicit deny in a resource-based policy"
        return None

    def lack(self) -> str | None:
        """The kind of policy that should have allowed it, or None if it is allowed."""
        named = self._named(allows=True)
        if named is Named.SESSION:
            return None
        if self._policies.strict and not named:
            return self._missing("resource-based policy")
        if named is not Named.ROLE and not self._some(self._policies.identity):
            return self._missing("identity-based policy" if not self._who.service else "resource-based policy")
        if self._policies.boundary is not None and not self._some(self._policies.boundary):
            return self._missing("permissions boundary")
        return None

    def _missing(self, kind: str) -> str:
        return f"because no {kind} allows the {self._ask.action} action"

    def _some(self, statements: Statements) -> bool:
        return any(statement.allows and self._applies(statement) for statement in statements)

    def _named(self, *, allows: bool) -> Named:
        """How closely the resource's policy names the caller, in the statements that apply."""
        found = Named.NOT
        for statement in self._policies.resource or ():
            named = statement.names(self._who)
            if statement.allows is allows and named > found and self._applies(statement):
                found = named
        return found

    def _applies(self, statement: Statement) -> bool:
        try:
            return statement.applies(self._ask, self._facts)
        except UnsupportedPolicyError as doubt:
            self.doubts.append(doubt)
            return False


_BOUNDARY = "a permissions boundary"
