"""Topic rules.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_IoT.html
"""

from typing import Any

from millrace.local.cloudformation.registry.calls import Argument, Call
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Setting
from millrace.local.cloudformation.registry.types import ResourceType


def _lower(value: Any) -> Any:
    """Return a payload with the names of the API, which start with a small letter."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _lower(inner) for name, inner in value.items()}
    return [_lower(each) for each in value] if isinstance(value, list) else value


_PAYLOAD = {"TopicRulePayload": Argument("topicRulePayload", _lower)}

TOPIC_RULE = ResourceType(
    "AWS::IoT::TopicRule",
    "iot",
    name=Name("RuleName", 128, separator="_"),
    create=Call("create_topic_rule", {"RuleName": Argument("ruleName")} | _PAYLOAD),
    id="{RuleName}",
    attributes={"Arn": "arn:{partition}:iot:{region}:{account}:rule/{RuleName}"},
    steps=(Setting(Call("replace_topic_rule", _PAYLOAD, {"ruleName": "{id}"}), at_creation=False, send_all=True),),
    delete=(Call("delete_topic_rule", by={"ruleName": "{id}"}),),
    immutable=frozenset({"RuleName"}),
    not_in_moto={"Tags": "moto's CreateTopicRule drops them"},
)

TYPES = (TOPIC_RULE,)
