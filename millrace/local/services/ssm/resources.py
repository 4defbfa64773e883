"""Parameters.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SSM.html
"""

from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags, tag_map
from millrace.local.cloudformation.registry.types import ResourceType


def _tags(tags: Any) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tag_map(tags).items()]


_PARAMETER = props("AllowedPattern", "DataType", "Description", "Policies", "Tier", "Type", "Value")

PARAMETER = ResourceType(
    "AWS::SSM::Parameter",
    "ssm",
    name=Name("Name", 2048, prefix="CFN"),
    create=Call("put_parameter", props("Name") | {"Tags": Argument("Tags", _tags)} | _PARAMETER),
    id="{Name}",
    attributes={"Type": "{Type}", "Value": "{Value}"},
    steps=(
        Setting(
            Call("put_parameter", _PARAMETER, {"Name": "{id}", "Overwrite": "true"}), at_creation=False, send_all=True
        ),
        Tags("add_tags_to_resource", "remove_tags_from_resource", {"ResourceType": "Parameter", "ResourceId": "{id}"}),
    ),
    delete=(Call("delete_parameter", by={"Name": "{id}"}),),
    immutable=frozenset({"Name"}),
)

TYPES = (PARAMETER,)
