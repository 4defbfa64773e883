"""Where the records go that a stream's function gives up: whole, into a bucket, of which a queue is told."""

from typing import cast

import jsii
from aws_cdk import CfnElement, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.buckets import encrypted_bucket, own_bucket
from millrace.constructs.encryption import WRITE, grant_key
from millrace.constructs.letters import letter_rule
from millrace.constructs.queues import KEPT_DAYS

_GIVEN_UP = "aws/lambda/*"


def given_up_bucket(scope: Construct, key: kms.IKey | None, dead_letters: sqs.Queue) -> s3.Bucket:
    """A bucket for whole records; the dead-letter queue is sent a letter for each.

    A queue as destination would be sent no more than the records' numbers in the stream, which forgets them. The
    letter comes by EventBridge: S3's own notifications begin with a test message, which would ring the alarm.
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    bucket = encrypted_bucket(
        scope,
        "GivenUp",
        key,
        lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(KEPT_DAYS))],
        removal_policy=RemovalPolicy.DESTROY,
    )
    _tell_default_bus(bucket)
    detail = {"bucket": {"name": [bucket.bucket_name]}}
    pattern = {"source": ["aws.s3"], "detail_type": ["Object Created"], "detail": detail}
    rule = letter_rule(scope, "GivenUp", pattern, dead_letters, key)
    acknowledge(rule, "Its one target is a dead-letter queue.", "Serverless-EventBusDLQ")
    return bucket


@jsii.implements(lambda_.IEventSourceDlq)
class KeptIn:
    """A bucket as the destination of a source, with no more permission than that needs.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """

    def __init__(self, bucket: s3.Bucket) -> None:
        self._bucket = bucket

    def bind(self, _target: lambda_.IEventSourceMapping, handler: lambda_.IFunction) -> lambda_.DlqDestinationConfig:
        """Let the function put what is given up below Lambda's own prefix."""
        role = cast("iam.IRole", handler.role)
        names = self._bucket.arn_for_objects(_GIVEN_UP)
        for action, resource in (("s3:PutObject", names), ("s3:ListBucket", self._bucket.bucket_arn)):
            role.add_to_principal_policy(own_bucket(self._bucket, [action], [resource]))
        grant_key(self._bucket.encryption_key, role, "s3", WRITE)
        bucket = cast("CfnElement", self._bucket.node.default_child)
        found = f"AwsSolutions-IAM5[Resource::<{Stack.of(bucket).get_logical_id(bucket)}.Arn>/{_GIVEN_UP}]"
        acknowledge(role, "Lambda chooses the names of what it gives up.", found)
        return lambda_.DlqDestinationConfig(destination=self._bucket.bucket_arn)


def _tell_default_bus(bucket: s3.Bucket) -> None:
    """By CloudFormation's own property: CDK's brings a custom resource along."""
    resource = bucket.node.default_child
    if isinstance(resource, s3.CfnBucket):
        told = s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=told
        )
