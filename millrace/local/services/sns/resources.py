"""Topics, topic policies and subscriptions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SNS.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from millrace.local.cloudformation.registry.calls import Argument, Call, nested, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Attributes, ForEach, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Step, StepContext
from millrace.local.services.sns.validation import SUBSCRIPTION_ATTRIBUTES

_TOPIC_ATTRIBUTES = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DisplayName",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "SignatureVersion",
)
_TRACING = {"TracingConfig": Argument("Attributes.TracingConfig")}

_SUBSCRIBE = Call("subscribe", {"member": Argument("")}, {"TopicArn": "{id}"})
_LIST = Call("list_subscriptions_by_topic", by={"TopicArn": "{id}"})
_UNSUBSCRIBE = Call("unsubscribe", by={"SubscriptionArn": "{member[SubscriptionArn]}"})


@dataclass(frozen=True)
class _Subscriptions(Step):
    """The subscriptions that a topic lists itself.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-sns-topic-subscription.html
    """

    properties: frozenset[str] = frozenset({"Subscription"})

    def calls(self) -> Iterable[Call]:
        """Return every call that the step can make."""
        return (_SUBSCRIBE, _LIST, _UNSUBSCRIBE)

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Subscribe new endpoints and unsubscribe the others."""
        old, new = ((each or {}).get("Subscription") or [] for each in (before, context.properties))
        gone = [(each["Protocol"], each["Endpoint"]) for each in old if each not in new]
        for found in context.call(_LIST)["Subscriptions"] if gone else ():
            if (found["Protocol"], found["Endpoint"]) in gone:
                context.call(_UNSUBSCRIBE, member=found)
        for member in new:
            if member not in old:
                context.call(_SUBSCRIBE, member=member, member_of="Subscription")
        return {}


TOPIC = ResourceType(
    "AWS::SNS::Topic",
    "sns",
    name=Name("TopicName", 256, fifo="FifoTopic"),
    create=Call(
        "create_topic",
        props("Tags", "DataProtectionPolicy", TopicName="Name")
        | nested("Attributes", "FifoTopic", *_TOPIC_ATTRIBUTES)
        | _TRACING,
    ),
    id="{TopicArn}",
    attributes={"TopicArn": "{TopicArn}", "TopicName": "{name}"},
    steps=(
        Attributes("set_topic_attributes", {"TopicArn": "{id}"}, (*_TOPIC_ATTRIBUTES, "TracingConfig")),
        Tags("tag_resource", "untag_resource", {"ResourceArn": "{id}"}),
        _Subscriptions(),
    ),
    delete=(Call("delete_topic", by={"TopicArn": "{id}"}),),
    immutable=frozenset({"TopicName", "FifoTopic"}),
    defaults={"ContentBasedDeduplication": False, "SignatureVersion": "1", "TracingConfig": "PassThrough"},
    not_in_moto={
        "DataProtectionPolicy": "moto's CreateTopic drops it",
        "DeliveryStatusLogging": "the local cloud writes no delivery logs of topics",
    },
)

_EMPTY_POLICY = '{{"Version": "2012-10-17", "Statement": []}}'

TOPIC_POLICY = ResourceType(
    "AWS::SNS::TopicPolicy",
    "sns",
    create=None,
    id="{logical_id}",
    attributes={"Id": "{logical_id}"},
    steps=(
        ForEach(
            "Topics",
            put=Call(
                "set_topic_attributes",
                {"PolicyDocument": Argument("AttributeValue")},
                {"TopicArn": "{member}", "AttributeName": "Policy"},
            ),
            remove=Call(
                "set_topic_attributes",
                by={"TopicArn": "{member}", "AttributeName": "Policy", "AttributeValue": _EMPTY_POLICY},
            ),
            shared=frozenset({"PolicyDocument"}),
        ),
    ),
)

_INLINE = {"TopicArn": "{TopicArn}", "AttributeName": "Policy"}

TOPIC_INLINE_POLICY = ResourceType(
    "AWS::SNS::TopicInlinePolicy",
    "sns",
    create=None,
    id="{TopicArn}",
    steps=(Setting(Call("set_topic_attributes", {"PolicyDocument": Argument("AttributeValue")}, _INLINE)),),
    delete=(Call("set_topic_attributes", by={**_INLINE, "AttributeValue": _EMPTY_POLICY}),),
    immutable=frozenset({"TopicArn"}),
    other_properties=frozenset({"TopicArn"}),
)

SUBSCRIPTION = ResourceType(
    "AWS::SNS::Subscription",
    "sns",
    create=Call(
        "subscribe",
        props("Endpoint", "Protocol", "TopicArn") | nested("Attributes", *SUBSCRIPTION_ATTRIBUTES),
        {"ReturnSubscriptionArn": "true"},
    ),
    id="{SubscriptionArn}",
    attributes={"Arn": "{SubscriptionArn}"},
    steps=(Attributes("set_subscription_attributes", {"SubscriptionArn": "{id}"}, SUBSCRIPTION_ATTRIBUTES),),
    delete=(Call("unsubscribe", by={"SubscriptionArn": "{id}"}),),
    immutable=frozenset({"Endpoint", "Protocol", "TopicArn"}),
    defaults={"FilterPolicy": {}, "FilterPolicyScope": "MessageAttributes", "RawMessageDelivery": False},
)

TYPES = (TOPIC, TOPIC_POLICY, TOPIC_INLINE_POLICY, SUBSCRIPTION)
