"""Queues, buckets, tables, and log groups, encrypted with the key of the bus or an AWS key."""

from typing import Any

from aws_cdk import CfnResource, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from millrace.constructs.observability.acknowledgements import acknowledge

_HINT = "Bus(encryption_key=…) sets a customer managed key."


def encrypted_queue(scope: Construct, name: str, key: kms.IKey | None, **settings: Any) -> sqs.Queue:
    """Create a queue that is encrypted with a key or SSE-SQS.

    The key is set on the CfnQueue because CDK's grants would add `kms:GenerateDataKey*` and `kms:ReEncrypt*`.
    """
    queue = sqs.Queue(scope, name, encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True, **settings)
    if key is None:
        acknowledge(queue, f"SQS encrypts it; {_HINT}", "CKV_AWS_27")
    elif isinstance(resource := queue.node.default_child, CfnResource):
        resource.add_property_deletion_override("SqsManagedSseEnabled")
        resource.add_property_override("KmsMasterKeyId", key.key_arn)
    return queue


def encrypted_bucket(scope: Construct, name: str, key: kms.IKey | None, **settings: Any) -> s3.Bucket:
    """Create a private bucket that is encrypted with a key or SSE-S3; its objects are never overwritten.

    CloudFormation cannot delete a bucket with objects, so the bucket stays when its stack is deleted; one of a failed
    first deployment is empty and is deleted.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """
    bucket = s3.Bucket(
        scope,
        name,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        **settings,
    )
    acknowledge(bucket, "Only functions use it; their logs and traces show it.", "AwsSolutions-S1", "CKV_AWS_18")
    acknowledge(bucket, "Objects in it are never overwritten.", "CKV_AWS_21")
    return bucket


def own_bucket_statement(user: IConstruct, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    """Return a statement that allows actions on a bucket and its objects if the user's account owns the bucket.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount
    """
    account = {"aws:ResourceAccount": Stack.of(user).account}
    return iam.PolicyStatement(actions=actions, resources=resources, conditions={"StringEquals": account})


def encrypted_table(
    scope: Construct, name: str, key: kms.IKey | None, removal_policy: RemovalPolicy, **settings: Any
) -> dynamodb.Table:
    """Create an on-demand table with point-in-time recovery, encrypted with a key or an AWS managed key.

    A table that is retained has deletion protection. Therefore its policy is not `RetainExceptOnCreate`: CloudFormation
    could not delete the protected table of a failed first deployment.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html#WorkingWithTables.Basics.DeletionProtection
    """
    kinds = dynamodb.TableEncryption
    table = dynamodb.Table(
        scope,
        name,
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=kinds.CUSTOMER_MANAGED if key else kinds.AWS_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=removal_policy,
        deletion_protection=removal_policy != RemovalPolicy.DESTROY,
        **settings,
    )
    if key is None:
        acknowledge(table, f"AWS's key for DynamoDB encrypts it; {_HINT}", "CKV_AWS_119")
    return table


def expiring_table(scope: Construct, name: str, key: kms.IKey | None) -> dynamodb.Table:
    """Create a table with the TTL attribute that Powertools writes; it is deleted with its stack."""
    item = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
    return encrypted_table(
        scope, name, key, RemovalPolicy.DESTROY, partition_key=item, time_to_live_attribute="expiration"
    )


def log_group(scope: Construct, name: str, key: kms.IKey | None, **settings: Any) -> logs.LogGroup:
    """Create a log group; by default it retains events for a month and is deleted with its stack."""
    defaults = {"retention": logs.RetentionDays.ONE_MONTH, "removal_policy": RemovalPolicy.DESTROY}
    group = logs.LogGroup(scope, name, encryption_key=key, **(defaults | settings))
    if key is None:
        acknowledge(group, f"CloudWatch encrypts it; {_HINT}", "CKV_AWS_158")
    return group
