"""The resource types that the local cloud makes, each declared once, for every way in."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

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


def _declared() -> Iterator[ResourceType]:
    """The resource types of each service's `resources` module, found by itself."""
    for service in iter_modules(services.__path__, f"{services.__name__}."):
        if find_spec(f"{service.name}.resources"):
            yield from import_module(f"{service.name}.resources").TYPES


TYPES: dict[str, ResourceType] = {each.type: each for each in _declared()}
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
    "resource_type",
]
