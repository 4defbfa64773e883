"""Templates of nested stacks: those of an assembly for the checks before a deployment, and those at an S3 URL.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html
"""

import json
from collections.abc import Iterator

from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.registry.nested_stacks import STACK
from millrace.local.cloudformation.template import Template


def nested_template(url: str, clients: Clients) -> Template:
    """Return the template at an S3 URL. Raises ApiError."""
    from millrace.local.cloudformation.api import templates

    return templates.parse(str(templates.text_of({"TemplateURL": url}, clients)))


def nested_stacks(stack: Stack) -> Iterator[Stack]:
    """Yield the stacks nested in a stack, at any depth, whose templates are assets of its assembly."""
    for definition in stack.template.resources.values():
        if definition.type != STACK:
            continue
        url = json.dumps(definition.properties.get("TemplateURL"))
        asset = next((each for each in stack.assets if f"/{each.key}" in url), None)
        if asset:
            template = Template(json.loads(asset.path.read_bytes()), stack.template.construct_paths)
            nested = Stack(f"{stack.name}-{definition.logical_id}", template, stack.assets)
            yield nested
            yield from nested_stacks(nested)
