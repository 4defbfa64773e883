"""Queues, encrypted, and open to TLS alone."""

from typing import Any

from aws_cdk import CfnResource, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.observability.acknowledgements import acknowledge

KEPT_DAYS = 14
"""How long a dead-letter queue keeps what nobody could handle: the most that SQS gives.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
"""


def encrypted_queue(scope: Construct, name: str, key: kms.IKey | None, **settings: Any) -> sqs.Queue:
    """A queue under a key, or under SQS's own.

    CDK does not hear of the key: its grants would allow `kms:GenerateDataKey*` and `kms:ReEncrypt*` to all who send.
    """
    made = sqs.Queue(scope, name, encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True, **settings)
    if key is None:
        acknowledge(made, "SQS encrypts it; Bus(encryption_key=…) sets a key of one's own.", "CKV_AWS_27")
    elif isinstance(resource := made.node.default_child, CfnResource):
        resource.add_property_deletion_override("SqsManagedSseEnabled")
        resource.add_property_override("KmsMasterKeyId", key.key_arn)
    return made


def let_send(queue: sqs.IQueue, arn: str) -> None:
    """Let EventBridge put into a queue what comes from one bus or rule, and from no other."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": arn}},
        )
    )


def dead_letter_queue(scope: Construct, key: kms.IKey | None, of: str, *, kept: Duration | None = None) -> sqs.Queue:
    """The one dead-letter queue of a construct; `of` is what an operator calls that.

    It keeps its letters for 14 days unless `kept` says otherwise.
    """
    made = encrypted_queue(scope, "DeadLetters", key, retention_period=kept or Duration.days(KEPT_DAYS))
    last = "It is a dead-letter queue itself; its alarm tells of what it holds."
    acknowledge(made, last, "AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")
    if isinstance(resource := made.node.default_child, CfnResource):
        resource.add_metadata("millrace", {"kind": "dead-letters", "of": of, "construct": scope.node.path})
    return made
