"""State machines.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_StepFunctions.html
"""

import json
import re
from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType

_MACHINE = props("EncryptionConfiguration", "LoggingConfiguration", "RoleArn", "TracingConfiguration") | {
    "DefinitionString": Argument("definition")
}


def with_definition_string(properties: Properties) -> Properties:
    """Replace Definition and DefinitionSubstitutions by DefinitionString.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachine.html
    """
    rest = {name: value for name, value in properties.items() if name not in ("Definition", "DefinitionSubstitutions")}
    text = (
        properties["DefinitionString"] if "DefinitionString" in properties else json.dumps(properties.get("Definition"))
    )
    substitutions: dict[str, Any] = properties.get("DefinitionSubstitutions", {})

    def substitute(match: re.Match[str]) -> str:
        value = substitutions.get(match[1], match[0])
        return str(value).lower() if isinstance(value, bool) else str(value)

    return {**rest, "DefinitionString": re.sub(r"\$\{([\w-]+)\}", substitute, text)}


STATE_MACHINE = ResourceType(
    "AWS::StepFunctions::StateMachine",
    "stepfunctions",
    name=Name("StateMachineName", 80),
    create=Call("create_state_machine", props("Tags", StateMachineName="name", StateMachineType="type") | _MACHINE),
    id="{stateMachineArn}",
    attributes={"Arn": "{stateMachineArn}", "Name": "{name}"},
    steps=(
        Setting(Call("update_state_machine", _MACHINE, {"stateMachineArn": "{id}"}), at_creation=False),
        Tags("tag_resource", "untag_resource", {"resourceArn": "{id}"}),
    ),
    delete=(Call("delete_state_machine", by={"stateMachineArn": "{id}"}),),
    immutable=frozenset({"StateMachineName", "StateMachineType"}),
    defaults={
        "EncryptionConfiguration": {"Type": "AWS_OWNED_KEY"},
        "LoggingConfiguration": {"Level": "OFF"},
        "TracingConfiguration": {"Enabled": False},
    },
    reshape=with_definition_string,
    other_properties=frozenset({"Definition", "DefinitionSubstitutions"}),
)

TYPES = (STATE_MACHINE,)
