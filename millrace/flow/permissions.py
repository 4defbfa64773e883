"""The permissions of roles, read from the policies in the template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.flow.assembly import Assembly, Resource


@dataclass(frozen=True)
class Statement:
    """A statement with the effect Allow, and the resource that contains it."""

    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: Mapping[str, Mapping[str, Any]]
    holder: Resource

    def condition_values(self, key: str) -> list[str]:
        """The values that conditions require for a key; empty without such a condition."""
        found = [tests[key] for tests in self.condition.values() if key in tests]
        return [value for values in found for value in listed(values) if value not in ("true", "false")]


def role_of(assembly: Assembly, resource: Resource) -> Resource | None:
    """The role of a function, a state machine or a schedule."""
    properties = resource.properties.get("Target", resource.properties)
    return assembly.named(properties.get("Role", properties.get("RoleArn")), resource)


def allowed(assembly: Assembly, role: Resource) -> Iterator[Statement]:
    """The Allow statements of a role's inline and attached policies."""
    for policy in role.properties.get("Policies", ()):
        yield from statements(policy["PolicyDocument"], role)
    for policy in assembly.policies_of(role):
        yield from statements(policy.properties["PolicyDocument"], policy)


def statements(document: Mapping[str, Any], holder: Resource) -> Iterator[Statement]:
    """The Allow statements of a policy document."""
    for body in listed(document["Statement"]):
        if body["Effect"] == "Allow":
            yield Statement(
                tuple(listed(body.get("Action", body.get("NotAction")))),
                tuple(listed(body.get("Resource", ()))),
                body.get("Condition", {}),
                holder,
            )


def listed(value: Any) -> list[Any]:
    """The value as a list: policies accept a single value or a list."""
    return list(value) if isinstance(value, list | tuple) else [value]
