"""Queues, encrypted, and open to TLS alone."""

from aws_cdk import Duration
from aws_cdk import aws_sqs as sqs
from constructs import Construct

KEPT_DAYS = 14
"""How long a dead-letter queue keeps what nobody could handle: the most that SQS gives.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
"""


def dead_letter_queue(scope: Construct) -> sqs.Queue:
    """The one dead-letter queue of a construct."""
    return sqs.Queue(
        scope,
        "DeadLetters",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(KEPT_DAYS),
    )
