"""Custom resources."""

import json


def test_sdk_call_seeds_a_table(strangers):
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources.AwsCustomResource.html

    Differs: the calls are not limited by the resource's policy.
    """
    table = strangers.output("SdkCallSeedsATable", "Table")
    items = strangers.client("dynamodb").scan(TableName=table)["Items"]
    assert items == [{"pk": {"S": "first"}, "n": {"N": "1"}}]


def test_sdk_call_reads_an_attribute(strangers):
    assert strangers.output("SdkCallReadsAnAttribute", "Account") == "123456789012"


def test_function_responds_to_cloud_formation(strangers):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html"""
    stack = "FunctionRespondsToCloudFormation"
    assert (strangers.output(stack, "Sum"), strangers.output(stack, "Id")) == ("3", "sum")


def test_provider_framework(strangers):
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources-readme.html"""
    assert strangers.output("ProviderFramework", "Text") == "abab"


def test_log_retention(strangers):
    group = f"/aws/lambda/{strangers.output('LogRetention')}"
    (found,) = strangers.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["retentionInDays"] == 7


def test_bucket_that_empties_itself(strangers, tmp_path):
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_s3.Bucket.html"""
    bucket = strangers.output("BucketThatEmptiesItself", "Bucket")
    for body in (b"1", b"2"):
        strangers.client("s3").put_object(Bucket=bucket, Key="a", Body=body)
    strangers.without("BucketThatEmptiesItself")
    assert bucket not in [each["Name"] for each in strangers.client("s3").list_buckets()["Buckets"]]


def test_bucket_deployment(strangers):
    """https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_s3_deployment-readme.html"""
    s3, bucket = strangers.client("s3"), strangers.output("BucketDeployment", "Bucket")
    page = s3.get_object(Bucket=bucket, Key="site/a/index.html")
    values = json.load(s3.get_object(Bucket=bucket, Key="site/site.json")["Body"])
    assert (page["ContentType"], page["Body"].read(), values) == ("text/html", b"<p>hi</p>", {"bucket": bucket})
    assert strangers.seen(strangers.output("BucketDeployment")) == [{}]
