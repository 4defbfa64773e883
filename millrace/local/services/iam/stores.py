"""Roles and policies of resources, in moto's state."""

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.service import account_in
from millrace.local.services.iam.policy import Statement, compiled

Statements = tuple[Statement, ...]


class RolePolicies(NamedTuple):
    """The policies of a role, and its permissions boundary."""

    identity: Statements
    boundary: Statements | None


class Stores:
    """Reads moto's state on each call. Each text is compiled once, so nothing becomes stale."""

    def __init__(self, region: AccountRegion) -> None:
        self._region = region
        self._roles: dict[str, Any] = {}

    def role(self, arn: str) -> Any:
        """Return moto's role. Raises LookupError."""
        known = self._region.backends.iam.roles
        role = self._roles.get(arn)
        if role is None or known.get(role.id) is not role:
            self._roles = {role.arn: role for role in list(known.values())}
        if arn not in self._roles:
            raise LookupError(f"The role {arn} does not exist.")
        return self._roles[arn]

    def of_role(self, arn: str) -> RolePolicies:
        """Return the policies of a role; none if it was deleted."""
        try:
            role = self.role(arn)
        except LookupError:
            return RolePolicies((), None)
        attached = (_default_version(policy) for policy in list(role.managed_policies.values()))
        identity = _combined((*role.policies.values(), *attached))
        limit = role.permissions_boundary_arn
        return RolePolicies(identity, _combined((_default_version(self._managed(limit)),)) if limit else None)

    def _managed(self, arn: str) -> Any:
        return self._region.backends.iam.managed_policies[arn]

    def account_of(self, arn: str) -> str:
        """Return the account of a resource; empty if it does not exist, belongs to AWS, or is not known."""
        service = self._region.service_named(arn.split(":", 3)[2]) if arn != "*" else None
        return service.account_of(arn) if service else account_in(arn)

    def of_resource(self, arn: str) -> Statements | None:
        """Return the policy of a resource of any account; None if it has none."""
        owner = self._region.owner(arn) if arn != "*" else None
        service = owner.service_named(arn.split(":", 3)[2]) if owner else None
        try:
            documents = service.resource_policy(arn) if service else None
        except LookupError:
            return None  # the service itself reports that the resource does not exist
        if not documents:
            return None
        return _combined(documents if isinstance(documents, tuple) else (documents,))


def _default_version(policy: Any) -> Any:
    return next(each.document for each in policy.versions if each.version_id == policy.default_version_id)


def _combined(documents: Iterable[Any]) -> Statements:
    return _joined(tuple(_text(document) for document in documents))


def _text(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    return document if isinstance(document, str) else json.dumps(document)


@lru_cache(maxsize=1024)
def _joined(texts: tuple[str, ...]) -> Statements:
    return tuple(statement for text in texts for statement in compiled(text))
