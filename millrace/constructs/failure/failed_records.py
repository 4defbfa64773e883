"""The on-failure destination of stream consumers: an S3 bucket for whole records, with a message to a queue."""

from typing import cast

import jsii
from aws_cdk import CfnElement, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.encrypted_resources import encrypted_bucket, own_bucket_statement
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.failure.dead_letters import RETENTION_DAYS, dead_letter_rule
from millrace.constructs.observability.acknowledgements import acknowledge

_OBJECTS = "aws/lambda/*"


def failed_records_bucket(scope: Construct, key: kms.IKey | None, dead_letters: sqs.Queue) -> s3.Bucket:
    """Create a bucket for failed records; the dead-letter queue receives a message per object.

    A queue as destination would only receive sequence numbers, which expire with the stream. The message is sent by
    EventBridge, because S3 event notifications start with a test message, which would trigger the alarm.
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    bucket = encrypted_bucket(
        scope,
        "FailedRecords",
        key,
        lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(RETENTION_DAYS))],
    )
    _enable_eventbridge(bucket)
    detail = {"bucket": {"name": [bucket.bucket_name]}}
    pattern = {"source": ["aws.s3"], "detail_type": ["Object Created"], "detail": detail}
    rule = dead_letter_rule(scope, "FailedRecords", pattern, dead_letters, key)
    acknowledge(rule, "Its only target is a dead-letter queue.", "Serverless-EventBusDLQ")
    return bucket


@jsii.implements(lambda_.IEventSourceDlq)
class BucketDestination:
    """A bucket as on-failure destination, with least-privilege permissions.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """

    def __init__(self, bucket: s3.Bucket) -> None:
        self._bucket = bucket

    def bind(self, _target: lambda_.IEventSourceMapping, handler: lambda_.IFunction) -> lambda_.DlqDestinationConfig:
        """Allow the function to write objects below Lambda's prefix."""
        role = cast("iam.IRole", handler.role)
        objects = self._bucket.arn_for_objects(_OBJECTS)
        for action, resource in (("s3:PutObject", objects), ("s3:ListBucket", self._bucket.bucket_arn)):
            role.add_to_principal_policy(own_bucket_statement(self._bucket, [action], [resource]))
        grant_key(self._bucket.encryption_key, role, "s3", WRITE_ACTIONS)
        bucket = cast("CfnElement", self._bucket.node.default_child)
        finding = f"AwsSolutions-IAM5[Resource::<{Stack.of(bucket).get_logical_id(bucket)}.Arn>/{_OBJECTS}]"
        acknowledge(role, "Lambda chooses the keys of the objects.", finding)
        return lambda_.DlqDestinationConfig(destination=self._bucket.bucket_arn)


def _enable_eventbridge(bucket: s3.Bucket) -> None:
    """Set the CfnBucket property: CDK's `event_bridge_enabled` adds a custom resource."""
    resource = bucket.node.default_child
    if isinstance(resource, s3.CfnBucket):
        enabled = s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=enabled
        )
