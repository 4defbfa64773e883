"""Queues.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SQS.html
"""

from millrace.local.cloudformation.registry.calls import Call, Take, inside, props
from millrace.local.cloudformation.registry.names import Name
from millrace.local.cloudformation.registry.steps import Each, Setting, Tags
from millrace.local.cloudformation.registry.types import Properties, ResourceType, Subject

_SETTINGS = inside(
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

_POLICY = Call("get_queue_attributes", by={"QueueUrl": "{id}", "AttributeNames": "Policy"})
_PUT_POLICY = Call("set_queue_attributes", {"policy": Take("Attributes.Policy")}, {"QueueUrl": "{id}"})


class _AttributesKeepingPolicy(Setting):
    """Sets attributes without losing the policy: moto's SetQueueAttributes drops it (sqs/models.py:358)."""

    def apply(self, subject: Subject, before: Properties | None) -> Properties:
        """Set the changed attributes, then the previous policy."""
        if before is None or all(before.get(name) == subject.properties.get(name) for name in self.put.takes):
            return {}
        policy = subject.call(_POLICY).get("Attributes", {}).get("Policy")
        super().apply(subject, before)
        return subject.call(_PUT_POLICY, policy=policy) if policy else {}


QUEUE = ResourceType(
    "AWS::SQS::Queue",
    "sqs",
    name=Name("QueueName", 80, fifo="FifoQueue"),
    create=Call("create_queue", props("QueueName", "Tags") | inside("Attributes", "FifoQueue") | _SETTINGS),
    id="{QueueUrl}",
    attributes={
        "Arn": "arn:{partition}:sqs:{region}:{account}:{name}",
        "QueueName": "{name}",
        "QueueUrl": "{QueueUrl}",
    },
    steps=(
        _AttributesKeepingPolicy(Call("set_queue_attributes", _SETTINGS, {"QueueUrl": "{id}"}), at_creation=False),
        Tags("tag_queue", "untag_queue", {"QueueUrl": "{id}"}),
    ),
    delete=(Call("delete_queue", by={"QueueUrl": "{id}"}),),
    immutable=frozenset({"FifoQueue", "QueueName"}),
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
        Each(
            "Queues",
            put=Call("set_queue_attributes", {"PolicyDocument": Take("Attributes.Policy")}, {"QueueUrl": "{member}"}),
            remove=Call("set_queue_attributes", by={"QueueUrl": "{member}", "Attributes.Policy": ""}),
            also=frozenset({"PolicyDocument"}),
        ),
    ),
)

TYPES = (QUEUE, QUEUE_POLICY)
