"""Who reaches the buckets of another account, and who owns a bucket."""

import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT, OTHER = "123456789012", "111122223333"


def statement(resource, **more):
    return {"Effect": "Allow", "Action": "s3:PutObject", "Resource": resource, **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture
def local(empty_cloud):
    """A local cloud with a role."""
    empty_cloud.client("iam").create_role(RoleName="clerk", AssumeRolePolicyDocument="{}")
    yield empty_cloud
    empty_cloud.reset()


@pytest.fixture
def allow(local):
    """Let the role put objects into any bucket."""
    return lambda **more: local.client("iam").put_role_policy(
        RoleName="clerk", PolicyName="own", PolicyDocument=policy(statement("*", **more))
    )


@pytest.fixture
def refused(local):
    """What a call of S3 in the name of the role is refused with; empty where it is allowed."""
    role, refusal = f"arn:aws:iam::{ACCOUNT}:role/clerk", local.plane.access.refusal
    return lambda bucket: local.on_plane(
        lambda: refusal(role, "s", "s3", "PutObject", {"Bucket": bucket, "Key": "k", "Body": "x"})
    )


@pytest.fixture
def buckets(local):
    """Create a bucket in the role's account and one in another account; gives what lets everybody into that one."""
    local.client("s3").create_bucket(Bucket="own")
    theirs = local.client("s3", account=OTHER)
    theirs.create_bucket(Bucket="theirs")
    everybody = policy(statement("arn:aws:s3:::theirs/*", Principal="*"))
    return lambda: theirs.put_bucket_policy(Bucket="theirs", Policy=everybody)


def test_role_reaches_a_bucket_of_another_account_only_if_both_accounts_allow_it(allow, buckets, refused):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"""
    allow()
    assert "no resource-based policy allows the s3:PutObject action" in refused("theirs")
    buckets()
    assert (refused("theirs"), refused("own")) == ("", "")


def test_resource_account_is_the_account_that_owns_the_bucket(allow, buckets, refused):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourceaccount"""
    buckets()
    allow(Condition={"StringEquals": {"aws:ResourceAccount": ACCOUNT}})
    assert refused("own") == ""
    assert "no identity-based policy allows the s3:PutObject action" in refused("theirs")


@pytest.mark.parametrize(
    "expected", [{"ExpectedBucketOwner": OTHER}, {"ExpectedSourceBucketOwner": OTHER, "ExpectedBucketOwner": ACCOUNT}]
)
def test_request_that_expects_another_owner_of_a_bucket_is_denied(local, buckets, expected):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html"""
    s3 = local.client("s3")
    s3.put_object(Bucket="own", Key="k", Body=b"x", ExpectedBucketOwner=ACCOUNT)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.copy_object(Bucket="own", Key="copy", CopySource="own/k", **expected)
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="own")["Contents"]] == ["k"]
