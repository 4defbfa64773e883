"""AWS::KinesisFirehose::DeliveryStream: created, updated, and refused."""

import pytest

from millrace.local.cloudformation.refusals import RefusedDeploymentError

pytest_plugins = ("bare_moto", "deployer_fixtures")

ROLE = "arn:aws:iam::123456789012:role/a"


def stream(prefix, name="ExtendedS3DestinationConfiguration", **settings):
    destination = {"BucketARN": "arn:aws:s3:::bucket", "RoleARN": ROLE, "Prefix": prefix, **settings}
    properties = {"DeliveryStreamName": "d", name: destination}
    return {"Type": "AWS::KinesisFirehose::DeliveryStream", "Properties": properties}


def test_change_of_the_destination_updates_it(deploy, bare):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesisfirehose-deliverystream.html"""
    deploy(Stream=stream("a/", BufferingHints={"IntervalInSeconds": "60", "SizeInMBs": 1}))
    deploy(Stream=stream("b/"))
    found = bare.client("firehose").describe_delivery_stream(DeliveryStreamName="d")["DeliveryStreamDescription"]
    assert found["Destinations"][0]["ExtendedS3DestinationDescription"]["Prefix"] == "b/"
    assert found["VersionId"] == "2"


def test_template_names_all_that_is_refused_of_a_delivery_stream(deploy, bare):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesisfirehose-deliverystream.html
    Refused: destinations other than S3, conversion of formats, dynamic partitioning, backup, other compressions.
    """
    bare.calls.clear()
    conversion = {"DataFormatConversionConfiguration": {"Enabled": True}, "CompressionFormat": "Snappy"}
    with pytest.raises(RefusedDeploymentError) as refused:
        deploy(
            First=stream("!{partitionKeyFromQuery:a}/", **conversion),
            Second=stream("", "RedshiftDestinationConfiguration"),
        )
    parts = ("DataFormatConversionConfiguration", "Snappy", "partitionKeyFromQuery", "RedshiftDestination", "First")
    assert [part for part in parts if part not in str(refused.value)] == []
    assert bare.calls == []
