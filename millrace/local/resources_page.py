"""What the local cloud supports: its resource types with their properties, made from the declarations.

`python -m millrace.local.resources_page` prints docs/resources.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from millrace.local import services
from millrace.local.cloudformation.registry import TYPES, ResourceType
from millrace.local.cloudformation.registry.cdk_resources import CDK_RESOURCES
from millrace.local.cloudformation.registry.stored_types import STORED_SERVICES, STORED_TYPES

_HEAD = """# Resources

The resource types that the local cloud deploys. A type or property that is not listed is refused by name before
anything changes; `--skip TYPE` deploys without a type, and `--skip Shop/Api` without a construct. `millrace resources`
prints the same list, and `millrace resources AWS::SQS::Queue` one type.

Nested stacks (`AWS::CloudFormation::Stack`) are deployed. Custom resources whose function is in Python run. CDK's own
are done without their functions: {custom}; and each `AwsCustomResource`.

*Served* properties reach the service, which acts on them or stores them. *Stored with the stack* properties have no
effect in the local cloud, for the reason given.

Made from the declarations by `python -m millrace.local.resources_page`.
"""

_STORED = """## Stored types

These types are stored with the stack and have no effect. A warning of each deployment names them. `Ref` returns a
generated name or ARN.

| type | reason |
|---|---|"""


@dataclass(frozen=True)
class Support:
    """How the local cloud supports one type. `stored` has the reason for each property without effect."""

    type: str
    operations: tuple[str, ...]
    served: tuple[str, ...]
    stored: Mapping[str, str]

    @classmethod
    def of(cls, declared: ResourceType) -> "Support":
        """Read a declaration. A property whose update alone has no effect is both served and stored."""
        stored = declared.not_in_moto
        only_stored = {name for name, reason in stored.items() if "update" not in reason.lower()}
        calls = sorted({f"{declared.service}:{_pascal(call.operation)}" for call in declared.calls()})
        return cls(declared.type, tuple(calls), tuple(sorted(declared.properties - only_stored)), stored)

    def as_json(self) -> dict[str, object]:
        """Return the type for `--json`."""
        return {
            "type": self.type,
            "operations": list(self.operations),
            "served": list(self.served),
            "stored": dict(self.stored),
        }


def supported() -> list[Support]:
    """Return every type, sorted by name."""
    return [Support.of(TYPES[name]) for name in sorted(TYPES)]


def targets() -> list[str]:
    """Return the services to which rules deliver, by their names in ARNs."""
    return sorted(each.arn_name for each in services.service_classes() if each.is_target)


def page() -> str:
    """Return docs/resources.md."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _HEAD.format(custom=_codes(tuple(sorted(CDK_RESOURCES))))
    yield f"Rules, pipes and destinations deliver to: {', '.join(targets())}.\n"
    for each in supported():
        yield f"## {each.type}\n"
        yield f"Served: {_codes(each.served) or 'none'}.\n"
        if each.stored:
            yield "| stored with the stack | reason |\n|---|---|"
            yield from (f"| `{name}` | {reason} |" for name, reason in sorted(each.stored.items()))
            yield ""
        yield f"Calls: {_codes(each.operations) or 'none'}.\n"
    yield _STORED
    names = [*STORED_TYPES, *(f"{service}::…" for service in STORED_SERVICES)]
    reasons = STORED_TYPES | {f"{service}::…": reason for service, reason in STORED_SERVICES.items()}
    yield from (f"| `{name}` | {reasons[name]} |" for name in sorted(names))


def _codes(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _pascal(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - a program
