"""Queues and queue policies.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html
"""

from millrace.local.cloudformation.registry.calls import Argument, Call, nested, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import ForEach, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, StepContext

_ATTRIBUTES = nested(
    "Attributes",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)

_GET_POLICY = Call("get_queue_attributes", by={"QueueUrl": "{id}", "AttributeNames": "Policy"})
_PUT_POLICY = Call("set_queue_attributes", {"policy": Argument("Attributes.Policy")}, {"QueueUrl": "{id}"})


class _AttributesWithoutPolicy(Setting):
    """Set attributes without losing the policy: moto's SetQueueAttributes drops it if it is not passed again."""

    def apply(self, context: StepContext, before: Properties | None) -> Properties:
        """Set changed attributes, then the previous policy."""
        if before is None or all(before.get(name) == context.properties.get(name) for name in self.put.arguments):
            return {}
        policy = context.call(_GET_POLICY).get("Attributes", {}).get("Policy")
        super().apply(context, before)
        return context.call(_PUT_POLICY, policy=policy) if policy else {}


def _one_encryption(properties: Properties) -> Properties:
    """A key replaces the default encryption.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html
    """
    return {"SqsManagedSseEnabled": False, **properties} if properties.get("KmsMasterKeyId") else properties


QUEUE = ResourceType(
    "AWS::SQS::Queue",
    "sqs",
    name=Name("QueueName", 80, fifo="FifoQueue"),
    create=Call("create_queue", props("QueueName", "Tags") | nested("Attributes", "FifoQueue") | _ATTRIBUTES),
    id="{QueueUrl}",
    attributes={
        "Arn": "arn:{partition}:sqs:{region}:{account}:{name}",
        "QueueName": "{name}",
        "QueueUrl": "{QueueUrl}",
    },
    steps=(
        _AttributesWithoutPolicy(Call("set_queue_attributes", _ATTRIBUTES, {"QueueUrl": "{id}"}), at_creation=False),
        Tags("tag_queue", "untag_queue", {"QueueUrl": "{id}"}),
    ),
    delete=(Call("delete_queue", by={"QueueUrl": "{id}"}),),
    immutable=frozenset({"FifoQueue", "QueueName"}),
    reshape=_one_encryption,
    defaults={
        "DelaySeconds": 0,
        "KmsDataKeyReusePeriodSeconds": 300,
        "KmsMasterKeyId": "",
        "MaximumMessageSize": 1_048_576,
        "MessageRetentionPeriod": 345_600,
        "ReceiveMessageWaitTimeSeconds": 0,
        "RedriveAllowPolicy": "",
        "RedrivePolicy": "",
        "SqsManagedSseEnabled": True,
        "VisibilityTimeout": 30,
    },
)

QUEUE_POLICY = ResourceType(
    "AWS::SQS::QueuePolicy",
    "sqs",
    create=None,
    id="{logical_id}",
    attributes={"Id": "{logical_id}"},
    steps=(
        ForEach(
            "Queues",
            put=Call(
                "set_queue_attributes", {"PolicyDocument": Argument("Attributes.Policy")}, {"QueueUrl": "{member}"}
            ),
            remove=Call("set_queue_attributes", by={"QueueUrl": "{member}", "Attributes.Policy": ""}),
            shared=frozenset({"PolicyDocument"}),
        ),
    ),
)

QUEUE_INLINE_POLICY = ResourceType(
    "AWS::SQS::QueueInlinePolicy",
    "sqs",
    create=None,
    id="{Queue}",
    steps=(
        Setting(
            Call("set_queue_attributes", {"PolicyDocument": Argument("Attributes.Policy")}, {"QueueUrl": "{Queue}"})
        ),
    ),
    delete=(Call("set_queue_attributes", by={"QueueUrl": "{Queue}", "Attributes.Policy": ""}),),
    immutable=frozenset({"Queue"}),
    other_properties=frozenset({"Queue"}),
)

TYPES = (QUEUE, QUEUE_POLICY, QUEUE_INLINE_POLICY)
