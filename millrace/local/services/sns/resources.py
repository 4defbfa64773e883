"""Topics, who may publish to them, and subscriptions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html
"""

from millrace.local.cloudformation.registry.calls import Call, Take, inside, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Attributes, Each, Tags
from millrace.local.cloudformation.registry.types import ResourceType

_SETTINGS = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "SignatureVersion",
)
_TRACING = {"TracingConfig": Take("Attributes.TracingConfig")}

TOPIC = ResourceType(
    "AWS::SNS::Topic",
    "sns",
    name=Name("TopicName", 256, fifo="FifoTopic"),
    create=Call(
        "create_topic",
        props("Tags", "DataProtectionPolicy", TopicName="Name")
        | inside("Attributes", "FifoTopic", *_SETTINGS)
        | _TRACING,
    ),
    id="{TopicArn}",
    attributes={"TopicArn": "{TopicArn}", "TopicName": "{name}"},
    steps=(
        Attributes("set_topic_attributes", {"TopicArn": "{id}"}, (*_SETTINGS, "TracingConfig")),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "{id}"}),
    ),
    delete=(Call("delete_topic", by={"TopicArn": "{id}"}),),
    immutable=frozenset({"TopicName", "FifoTopic"}),
    defaults={"ContentBasedDeduplication": False, "SignatureVersion": "1", "TracingConfig": "PassThrough"},
    kept_only_here={"DataProtectionPolicy": "moto's CreateTopic drops it"},
)

_NO_STATEMENTS = '{{"Version": "2012-10-17", "Statement": []}}'

TOPIC_POLICY = ResourceType(
    "AWS::SNS::TopicPolicy",
    "sns",
    create=None,
    id="{logical_id}",
    attributes={"Id": "{logical_id}"},
    steps=(
        Each(
            "Topics",
            put=Call(
                "set_topic_attributes",
                {"PolicyDocument": Take("AttributeValue")},
                {"TopicArn": "{member}", "AttributeName": "Policy"},
            ),
            remove=Call(
                "set_topic_attributes",
                by={"TopicArn": "{member}", "AttributeName": "Policy", "AttributeValue": _NO_STATEMENTS},
            ),
            also=frozenset({"PolicyDocument"}),
        ),
    ),
)

_SUBSCRIBED = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
)

SUBSCRIPTION = ResourceType(
    "AWS::SNS::Subscription",
    "sns",
    create=Call(
        "subscribe",
        props("Endpoint", "Protocol", "TopicArn") | inside("Attributes", *_SUBSCRIBED),
        {"ReturnSubscriptionArn": "true"},
    ),
    id="{SubscriptionArn}",
    attributes={"Arn": "{SubscriptionArn}"},
    steps=(Attributes("set_subscription_attributes", {"SubscriptionArn": "{id}"}, _SUBSCRIBED),),
    delete=(Call("unsubscribe", by={"SubscriptionArn": "{id}"}),),
    immutable=frozenset({"Endpoint", "Protocol", "TopicArn"}),
    defaults={"FilterPolicy": {}, "FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": False},
)

TYPES = (TOPIC, TOPIC_POLICY, SUBSCRIPTION)
