"""Nested stacks. A rollout deploys their templates; the resource holds the outputs.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
"""

from collections.abc import Mapping
from typing import Any

from millrace.local.cloudformation.registry.errors import UnsupportedAttributeError
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.types import ResourceType

STACK = "AWS::CloudFormation::Stack"
_OUTPUT = "Outputs."


class NestedStackType(ResourceType):
    """The type of nested stacks. It makes no calls."""

    def check_attribute(self, referrer: str, attribute: str) -> None:
        """Accept outputs only."""
        if not attribute.startswith(_OUTPUT):
            raise UnsupportedAttributeError(f"{self.type}.{attribute}", referrer)


NESTED_STACK = NestedStackType(
    STACK,
    "cloudformation",
    create=None,
    id="",
    name=Name(None, 128),
    only_properties=frozenset({"NotificationARNs", "Parameters", "Tags", "TemplateURL", "TimeoutInMinutes"}),
)


def attributes_of(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a nested stack with these outputs."""
    return {f"{_OUTPUT}{name}": value for name, value in outputs.items()}


def given_parameters(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of a nested stack as texts. A list is joined with commas."""
    given: Mapping[str, Any] = properties.get("Parameters") or {}
    return {name: ",".join(map(str, each)) if isinstance(each, list) else str(each) for name, each in given.items()}
