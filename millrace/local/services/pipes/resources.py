"""Pipes.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-pipes-pipe.html
"""

from millrace.local.cloudformation.registry.calls import Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Read, Setting, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_PIPE = props(
    "Description",
    "DesiredState",
    "Enrichment",
    "EnrichmentParameters",
    "KmsKeyIdentifier",
    "LogConfiguration",
    "RoleArn",
    "SourceParameters",
    "Target",
    "TargetParameters",
)

PIPE = ResourceType(
    "AWS::Pipes::Pipe",
    "pipes",
    name=Name("Name", 64),
    create=Call("create_pipe", props("Name", "Source", "Tags") | _PIPE),
    id="{Name}",
    attributes={
        "Arn": "{Arn}",
        "CreationTime": "{CreationTime}",
        "CurrentState": "{CurrentState}",
        "LastModifiedTime": "{LastModifiedTime}",
    },
    steps=(
        Setting(Call("update_pipe", _PIPE, {"Name": "{id}"}), at_creation=False, send_all=True),
        Read(Call("describe_pipe", by={"Name": "{id}"})),
        Tags("tag_resource", "untag_resource", {"resourceArn": "{Arn}"}, argument="tags", keys="tagKeys"),
    ),
    delete=(Call("delete_pipe", by={"Name": "{id}"}),),
    immutable=frozenset({"Name", "Source"}),
    defaults={"Description": "", "DesiredState": "RUNNING"},
)

TYPES = (PIPE,)
