"""The supported resource types. Each service declares its own in its `resources` module."""

from millrace.local import services
from millrace.local.cloudformation.registry.calls import Cloud
from millrace.local.cloudformation.registry.custom_resources import CustomResourceType, foreign_runtime, is_custom
from millrace.local.cloudformation.registry.errors import UnsupportedError, UnsupportedTypeError
from millrace.local.cloudformation.registry.nested_stacks import NESTED_STACK, STACK
from millrace.local.cloudformation.registry.stored_types import stored_reason, stored_type
from millrace.local.cloudformation.registry.types import Resource, ResourceType


def discover() -> dict[str, ResourceType]:
    """Return the resource types of all services, by name."""
    return {each.type: each for module in services.modules("resources") for each in module.TYPES}


TYPES = discover()
IGNORED = frozenset({"AWS::CDK::Metadata"})


def resource_type(name: str, logical_id: str) -> ResourceType:
    """Return a resource type. Raises UnsupportedTypeError."""
    if is_custom(name):
        return CustomResourceType(name, "cloudformation", None, "")
    if name == STACK:
        return NESTED_STACK
    if name in TYPES:
        return TYPES[name]
    if stored_reason(name):
        return stored_type(name)
    raise UnsupportedTypeError(name, logical_id)


__all__ = [
    "IGNORED",
    "TYPES",
    "Cloud",
    "Resource",
    "ResourceType",
    "UnsupportedError",
    "discover",
    "foreign_runtime",
    "is_custom",
    "resource_type",
    "stored_reason",
]
