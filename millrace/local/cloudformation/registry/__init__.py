"""The resource types that the local cloud makes, each declared once, for every way in."""

from millrace.local import services
from millrace.local.cloudformation.registry.calls import Cloud
from millrace.local.cloudformation.registry.errors import (
    CannotUnset,
    Refused,
    UnknownAttribute,
    UnknownProperty,
    UnknownType,
)
from millrace.local.cloudformation.registry.types import Resource, ResourceType


def discover() -> dict[str, ResourceType]:
    """Return the resource types of each service's `resources` module, by name."""
    return {each.type: each for module in services.modules("resources") for each in module.TYPES}


TYPES = discover()
IGNORED = frozenset({"AWS::CDK::Metadata"})


def resource_type(name: str, logical_id: str) -> ResourceType:
    """The declaration of a type. Raises UnknownType."""
    if name not in TYPES:
        raise UnknownType(name, logical_id)
    return TYPES[name]


__all__ = [
    "IGNORED",
    "TYPES",
    "CannotUnset",
    "Cloud",
    "Refused",
    "Resource",
    "ResourceType",
    "UnknownAttribute",
    "UnknownProperty",
    "UnknownType",
    "discover",
    "resource_type",
]
