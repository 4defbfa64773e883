"""Custom resources: CDK's own, SDK calls, and those of a user's functions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from millrace.local.cloudformation.registry.calls import Cloud, resolve_references
from millrace.local.cloudformation.registry.cdk_resources import CDK_RESOURCES, PHYSICAL_ID
from millrace.local.cloudformation.registry.custom_requests import (
    FRAMEWORK,
    ON_EVENT,
    Answer,
    CustomRequest,
    send,
)
from millrace.local.cloudformation.registry.sdk_calls import SdkCall, are_sdk_calls
from millrace.local.cloudformation.registry.types import Properties, Resource, ResourceType

CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"


def is_custom(type_name: str) -> bool:
    """Return whether a resource type is one of a custom resource."""
    return type_name.startswith("Custom::") or type_name == CUSTOM_RESOURCE


class CustomResourceType(ResourceType):
    """A custom resource. It accepts every property and attribute; its `name` is the name of its stack."""

    def check_properties(self, logical_id: str, properties: Iterable[str]) -> None:
        """Accept every property."""

    def check_attribute(self, referrer: str, attribute: str) -> None:
        """Accept every attribute."""

    def physical_name(self, stack: str, logical_id: str, properties: Properties, source: random.Random) -> str | None:
        """Return the name of the stack, which requests contain."""
        del logical_id, properties, source
        return stack

    def create_resource(self, cloud: Cloud, logical_id: str, properties: Properties, name: str | None) -> Resource:
        """Create a resource."""
        resource = Resource(self.type, logical_id, "", name, properties, {}, {})
        answer = self._change(cloud, resource, None, properties)
        return replace(resource, physical_id=answer.physical_id, attributes=answer.data)

    def update_resource(self, cloud: Cloud, resource: Resource, properties: Properties) -> Resource:
        """Update a resource. A new physical id means that it was replaced, so the old one is deleted."""
        answer = self._change(cloud, resource, resource.properties, properties)
        updated = replace(resource, properties=properties, physical_id=answer.physical_id, attributes=answer.data)
        if answer.physical_id != resource.physical_id and self.type not in CDK_RESOURCES:
            self.delete_resource(cloud, resource)
        return updated

    def delete_resource(self, cloud: Cloud, resource: Resource) -> None:
        """Delete a resource."""
        self._change(cloud, resource, resource.properties, None)

    def requires_replacement(self, old: Properties, new: Properties) -> bool:
        """Return whether another function provides the resource."""
        return bool(old.get("ServiceToken") != new.get("ServiceToken"))

    def _change(self, cloud: Cloud, resource: Resource, old: Properties | None, new: Properties | None) -> Answer:
        old, new = (None if each is None else resolve_references(each, cloud.clients) for each in (old, new))
        default = resource.physical_id or f"{resource.name}-{resource.logical_id}"
        if self.type in CDK_RESOURCES:
            data = CDK_RESOURCES[self.type](cloud, old, new)
            return Answer(str(data.get(PHYSICAL_ID, default)), data)
        if are_sdk_calls(new or old or {}):
            return _sdk_call(cloud, resource, old, new)
        return send(cloud, CustomRequest(self.type, resource.logical_id, str(resource.name), old, new, default))


def _sdk_call(cloud: Cloud, resource: Resource, old: Properties | None, new: Properties | None) -> Answer:
    """Make the call for a change. Without one, nothing is done."""
    kind = "Create" if old is None else "Delete" if new is None else "Update"
    text = (new or old or {}).get(kind)
    if text is None:
        return Answer(resource.physical_id or resource.logical_id, dict(resource.attributes))
    return Answer(*SdkCall(text, resource.logical_id, resource.physical_id).run(cloud))


def foreign_runtime(resources: Mapping[str, Mapping[str, Any]], logical_id: str) -> str | None:
    """Return the runtime of the function of a custom resource in a template, unless the local cloud can do without it.

    `resources` are the template's Resources. None if the function is in another stack or runs Python.
    """
    resource = resources[logical_id]
    properties = resource.get("Properties") or {}
    if resource["Type"] in CDK_RESOURCES or are_sdk_calls(properties):
        return None
    function = _function(resources, properties.get("ServiceToken"))
    if function.get("Handler") == FRAMEWORK:
        variables = (function.get("Environment") or {}).get("Variables") or {}
        function = _function(resources, variables.get(ON_EVENT))
    runtime = function.get("Runtime") or ("a container image" if function.get("PackageType") == "Image" else "python")
    return runtime if isinstance(runtime, str) and not runtime.startswith("python") else None


def _function(resources: Mapping[str, Mapping[str, Any]], arn: Any) -> Mapping[str, Any]:
    """Return the properties of the function that an Fn::GetAtt names; empty if it is not in the template."""
    target = arn.get("Fn::GetAtt") if isinstance(arn, dict) else None
    found = resources.get(target[0]) if isinstance(target, list) else None
    return (found or {}).get("Properties") or {}
