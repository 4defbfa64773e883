"""State machines with their versions and aliases, and activities.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_StepFunctions.html
"""

import json
import re
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, Cloud, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Read, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType

_MACHINE = props("EncryptionConfiguration", "LoggingConfiguration", "RoleArn", "TracingConfiguration") | {
    "DefinitionString": Argument("definition")
}


_SOURCES = ("Definition", "DefinitionS3Location", "DefinitionSubstitutions")


def with_definition_string(properties: Properties) -> Properties:
    """Replace Definition and DefinitionSubstitutions by DefinitionString.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
    """
    rest = {name: value for name, value in properties.items() if name not in _SOURCES}
    text = (
        properties["DefinitionString"] if "DefinitionString" in properties else json.dumps(properties.get("Definition"))
    )
    substitutions: dict[str, Any] = properties.get("DefinitionSubstitutions", {})

    def substitute(match: re.Match[str]) -> str:
        value = substitutions.get(match[1], match[0])
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {**rest, "DefinitionString": re.sub(r"\$\{([\w-]+)\}", substitute, text)}


class _StateMachineType(ResourceType):
    """The type of state machines, whose definition can be an object in S3."""

    def _passed_properties(self, cloud: Cloud, properties: Properties) -> Properties:
        location = properties.get("DefinitionS3Location")
        if location:
            client: Any = cloud.clients("s3")
            version = {"VersionId": location["Version"]} if "Version" in location else {}
            stored = client.get_object(Bucket=location["Bucket"], Key=location["Key"], **version)
            text = stored["Body"].read().decode()
            properties = {**properties, "DefinitionString": text}
        return super()._passed_properties(cloud, properties)


STATE_MACHINE = _StateMachineType(
    "AWS::StepFunctions::StateMachine",
    "stepfunctions",
    name=Name("StateMachineName", 80),
    create=Call("create_state_machine", props("Tags", StateMachineName="name", StateMachineType="type") | _MACHINE),
    id="{stateMachineArn}",
    attributes={
        "Arn": "{stateMachineArn}",
        "Name": "{name}",
        "StateMachineRevisionId": lambda values: str(values.get("revisionId", "INITIAL")),
    },
    steps=(
        Setting(Call("update_state_machine", _MACHINE, {"stateMachineArn": "{id}"}), at_creation=False),
        Tags("tag_resource", "untag_resource", {"resourceArn": "{id}"}),
        Read(Call("describe_state_machine", by={"stateMachineArn": "{id}"})),
    ),
    delete=(Call("delete_state_machine", by={"stateMachineArn": "{id}"}),),
    immutable=frozenset({"StateMachineName", "StateMachineType"}),
    defaults={
        "EncryptionConfiguration": {"Type": "AWS_OWNED_KEY"},
        "LoggingConfiguration": {"Level": "OFF"},
        "TracingConfiguration": {"Enabled": False},
    },
    reshape=with_definition_string,
    other_properties=frozenset(_SOURCES),
)

ACTIVITY = ResourceType(
    "AWS::StepFunctions::Activity",
    "stepfunctions",
    name=Name("Name", 80),
    create=Call("create_activity", props("EncryptionConfiguration", "Name", "Tags")),
    id="{activityArn}",
    attributes={"Arn": "{activityArn}", "Name": "{name}"},
    steps=(Tags("tag_resource", "untag_resource", {"resourceArn": "{id}"}),),
    delete=(Call("delete_activity", by={"activityArn": "{id}"}),),
    immutable=frozenset({"EncryptionConfiguration", "Name"}),
)

STATE_MACHINE_VERSION = ResourceType(
    "AWS::StepFunctions::StateMachineVersion",
    "stepfunctions",
    create=Call(
        "publish_state_machine_version",
        props("Description", "StateMachineArn", StateMachineRevisionId="revisionId"),
    ),
    id="{stateMachineVersionArn}",
    attributes={"Arn": "{stateMachineVersionArn}"},
    delete=(Call("delete_state_machine_version", by={"stateMachineVersionArn": "{id}"}),),
    immutable=frozenset({"Description", "StateMachineArn", "StateMachineRevisionId"}),
)


def _with_routes(properties: Properties) -> Properties:
    """Route everything to the version of a DeploymentPreference at once."""
    preference = properties.get("DeploymentPreference")
    rest = {name: value for name, value in properties.items() if name != "DeploymentPreference"}
    if preference is None:
        return rest
    return {**rest, "RoutingConfiguration": [{**_only_version(preference), "Weight": 100}]}


def _only_version(preference: Properties) -> Properties:
    return {"StateMachineVersionArn": preference["StateMachineVersionArn"]}


_ALIAS = props("Description", "RoutingConfiguration")

STATE_MACHINE_ALIAS = ResourceType(
    "AWS::StepFunctions::StateMachineAlias",
    "stepfunctions",
    name=Name("Name", 80),
    create=Call("create_state_machine_alias", props("Name") | _ALIAS),
    id="{stateMachineAliasArn}",
    attributes={"Arn": "{stateMachineAliasArn}"},
    steps=(Setting(Call("update_state_machine_alias", _ALIAS, {"stateMachineAliasArn": "{id}"}), at_creation=False),),
    delete=(Call("delete_state_machine_alias", by={"stateMachineAliasArn": "{id}"}),),
    immutable=frozenset({"Name"}),
    defaults={"Description": ""},
    reshape=_with_routes,
    not_in_moto={"DeploymentPreference": "the alias gets all of its executions at once"},
    other_properties=frozenset({"StateMachineArn"}),
)

TYPES = (STATE_MACHINE, ACTIVITY, STATE_MACHINE_VERSION, STATE_MACHINE_ALIAS)
