"""What the role of a resource may do, read from its policies in the template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.flow.assembly import Assembly, Resource


@dataclass(frozen=True)
class Statement:
    """One statement that allows something, and the resource that it stands in."""

    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: Mapping[str, Mapping[str, Any]]
    holder: Resource

    def condition_values(self, key: str) -> list[str]:
        """What a condition key is held to; nothing where no condition holds it."""
        found = [tests[key] for tests in self.condition.values() if key in tests]
        return [value for values in found for value in listed(values) if value not in ("true", "false")]


def role_of(assembly: Assembly, resource: Resource) -> Resource | None:
    """The role that a function or a state machine takes."""
    return assembly.named(resource.properties.get("Role", resource.properties.get("RoleArn")), resource)


def allowed(assembly: Assembly, role: Resource) -> Iterator[Statement]:
    """The statements of a role's own policies and of those that are attached to it in the template."""
    for policy in role.properties.get("Policies", ()):
        yield from statements(policy["PolicyDocument"], role)
    for policy in assembly.policies_of(role):
        yield from statements(policy.properties["PolicyDocument"], policy)


def statements(document: Mapping[str, Any], holder: Resource) -> Iterator[Statement]:
    """The statements of a policy document that allow something."""
    for body in listed(document["Statement"]):
        if body["Effect"] == "Allow":
            yield Statement(
                tuple(listed(body.get("Action", body.get("NotAction")))),
                tuple(listed(body.get("Resource", ()))),
                body.get("Condition", {}),
                holder,
            )


def listed(value: Any) -> list[Any]:
    """What a policy writes alone or in a list, in a list."""
    return list(value) if isinstance(value, list | tuple) else [value]
