"""Buckets: encrypted, closed to the public, and open to TLS alone."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct, IConstruct

from millrace.constructs.acknowledged import acknowledge


def encrypted_bucket(scope: Construct, name: str, key: kms.IKey | None, **settings: Any) -> s3.Bucket:
    """A bucket under a key, or under S3's own. What is put there is written once and read by the kit's functions."""
    made = s3.Bucket(
        scope,
        name,
        encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
        encryption_key=key,
        bucket_key_enabled=True if key else None,
        enforce_ssl=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        **settings,
    )
    acknowledge(made, "Functions alone open it: their logs and traces say when.", "AwsSolutions-S1", "CKV_AWS_18")
    acknowledge(made, "Nothing in it is ever written a second time.", "CKV_AWS_21")
    return made


def own_bucket(user: IConstruct, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    """A statement that allows actions on a bucket and its objects, as long as the user's own account owns the bucket.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount
    """
    account = {"aws:ResourceAccount": Stack.of(user).account}
    return iam.PolicyStatement(actions=actions, resources=resources, conditions={"StringEquals": account})
