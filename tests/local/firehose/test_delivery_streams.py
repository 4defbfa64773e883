"""Delivery streams of Amazon Data Firehose."""

import base64
import gzip
import json

import pytest
from botocore.exceptions import ClientError
from lambda_kit import ACCOUNT, LAMBDA, REGION

pytest_plugins = ["lambda_fixtures"]

STREAM = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/d"
SOURCE = {"DeliveryStreamType": "KinesisStreamAsSource"}
RESULT = "return {'records': [{**r, 'result': base64.b64decode(r['data']).decode()} for r in event['records']]}"


def trusting(service, **condition):
    """A trust policy for a service."""
    allowed = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [{**allowed, **condition}]}


class Delivered:
    """A bucket and a delivery stream."""

    def __init__(self, site):
        self.site = site
        self.firehose, self.s3 = site.client("firehose"), site.client("s3")
        self.s3.create_bucket(Bucket="bucket")
        self.trust(trusting("firehose"))

    def trust(self, policy):
        self.site.client("iam").update_assume_role_policy(RoleName="any", PolicyDocument=json.dumps(policy))

    def create(self, settings=(), **more):
        bucket = {"RoleARN": self.site.role, "BucketARN": "arn:aws:s3:::bucket", **dict(settings)}
        return self.firehose.create_delivery_stream(
            DeliveryStreamName="d", ExtendedS3DestinationConfiguration=bucket, **more
        )

    def put(self, *data):
        for each in data:
            self.firehose.put_record(DeliveryStreamName="d", Record={"Data": each})
        self.site.settle()

    def objects(self):
        found = self.s3.list_objects_v2(Bucket="bucket").get("Contents", [])
        return {each["Key"]: self.s3.get_object(Bucket="bucket", Key=each["Key"])["Body"].read() for each in found}

    def failed(self):
        text = next(data for key, data in self.objects().items() if key.startswith("processing-failed/"))
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def delivered(site):
    """A bucket, and functions that create a delivery stream and read what it delivers."""
    return Delivered(site)


def with_function(arn=f"{LAMBDA}f", **parameters):
    named = [{"ParameterName": key, "ParameterValue": value} for key, value in {"LambdaArn": arn, **parameters}.items()]
    return {"ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": named}]}}


def test_records_are_delivered_in_one_object_after_the_interval(site, delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/buffering-hints.html"""
    delivered.create({"BufferingHints": {"IntervalInSeconds": 120, "SizeInMBs": 1}})
    began = site.cloud.scheduler.clock.now()
    delivered.put(b"one\n")
    batch = delivered.firehose.put_record_batch(DeliveryStreamName="d", Records=[{"Data": b"2"}, {"Data": b"3"}])
    site.settle()
    assert (list(delivered.objects().values()), batch["FailedPutCount"]) == ([b"one\n", b"23"], 0)
    assert 240 <= site.cloud.scheduler.clock.now() - began < 300


def test_records_are_delivered_when_the_size_is_reached(site, delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/buffering-hints.html"""
    delivered.create({"BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 1}})
    began = site.cloud.scheduler.clock.now()
    for _ in range(2):
        delivered.firehose.put_record(DeliveryStreamName="d", Record={"Data": b"x" * 600_000})
    site.settle()
    assert [len(data) for data in delivered.objects().values()] == [1_200_000]
    assert site.cloud.scheduler.clock.now() - began < 900


def test_key_has_prefix_version_time_and_extension(delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html"""
    prefixes = {"Prefix": "a/!{timestamp:yyyy}/", "ErrorOutputPrefix": "!{firehose:error-output-type}/"}
    delivered.create({**prefixes, "CompressionFormat": "GZIP"})
    delivered.put(b"one")
    ((key, data),) = delivered.objects().items()
    assert key.startswith("a/20")
    assert key[7:].startswith("d-1-20")
    assert (key[-3:], gzip.decompress(data)) == (".gz", b"one")


def test_function_transforms_drops_and_fails_records(site, delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html"""
    site.function("f", RESULT)
    delivered.create(with_function())
    delivered.put(b"Ok", b"Dropped", b"ProcessingFailed")
    (first,) = site.seen("f")
    assert (first["deliveryStreamArn"], first["region"], len(first["records"])) == (STREAM, REGION, 3)
    assert b"Ok" in delivered.objects().values()
    assert [each["errorCode"] for each in delivered.failed()] == ["Lambda.ProcessingFailedStatus"]


def test_failed_transformation_is_retried_three_times(site, delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html"""
    site.function("f", "raise ValueError")
    delivered.create(with_function())
    delivered.put(b"one")
    (record,) = delivered.failed()
    assert (record["attemptsMade"], record["errorCode"], len(site.seen("f"))) == (4, "Lambda.FunctionError", 4)
    assert (base64.b64decode(record["rawData"]), record["lambdaArn"]) == (b"one", f"{LAMBDA}f")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("return []", "Lambda.JsonProcessingException"),
        ("return {'records': []}", "Lambda.MissingRecordId"),
        ("return {'records': event['records'] * 2}", "Lambda.DuplicatedRecordId"),
    ],
)
def test_response_that_breaks_the_status_model_fails_its_records(site, delivered, line, code):
    """https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html"""
    site.function("f", line)
    delivered.create(with_function(NumberOfRetries="0"))
    delivered.put(b"one")
    assert [each["errorCode"] for each in delivered.failed()] == [code]


def test_source_stream_is_read_from_the_creation(site, delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html"""
    stream = site.stream("s")
    stream.put("before")
    site.function("f", RESULT)
    source = {"KinesisStreamARN": stream.arn, "RoleARN": site.role}
    delivered.create(with_function(), **SOURCE, KinesisStreamSourceConfiguration=source)
    stream.put("Ok")
    site.settle()
    (event,) = site.seen("f")
    assert list(delivered.objects().values()) == [b"Ok"]
    assert event["sourceKinesisStreamArn"] == stream.arn
    assert event["records"][0]["kinesisRecordMetadata"]["shardId"] == "shardId-000000000000"


def test_rule_puts_events(site, delivered):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html"""
    delivered.create()
    delivered.trust({"Statement": [*trusting("firehose")["Statement"], *trusting("events")["Statement"]]})
    events = site.client("events")
    events.put_rule(Name="r", EventPattern='{"source": ["s"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "d", "Arn": STREAM, "RoleArn": site.role, "InputPath": "$.detail"}])
    events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": '{"n": 1}'}])
    site.settle()
    assert list(map(json.loads, delivered.objects().values())) == [{"n": 1}]


def test_subscription_filter_puts_compressed_log_events(site, delivered):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#FirehoseExample"""
    delivered.create()
    logs = site.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    logs.put_subscription_filter(
        logGroupName="g", filterName="f", filterPattern="", destinationArn=STREAM, roleArn=site.role
    )
    now = int(site.cloud.scheduler.clock.now() * 1000)
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": now, "message": "m"}])
    site.settle()
    (data,) = delivered.objects().values()
    assert [each["message"] for each in json.loads(gzip.decompress(data))["logEvents"]] == ["m"]


def test_delivery_without_permission_is_logged_and_retried_for_a_day(site, delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html"""
    logs = site.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    delivered.create({"CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": "g", "LogStreamName": "s"}})
    site.client("iam").delete_role_policy(RoleName="any", PolicyName="all")
    delivered.put(b"one")
    (line,) = logs.filter_log_events(logGroupName="g")["events"]
    assert json.loads(line["message"])["errorCode"] == "S3.AccessDenied"
    assert delivered.objects() == {}


@pytest.mark.parametrize(
    "policy",
    [trusting("events"), trusting("firehose", Condition={"StringEquals": {"sts:ExternalId": "210987654321"}})],
)
def test_role_that_firehose_may_not_assume_is_rejected(delivered, policy):
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#firehose-assume-role"""
    delivered.trust(policy)
    with pytest.raises(ClientError, match=r"Firehose is unable to assume role .*any. Please check the role provided"):
        delivered.create()


def test_role_can_require_the_account_as_external_id(delivered):
    """https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#firehose-assume-role"""
    delivered.trust(trusting("firehose", Condition={"StringEquals": {"sts:ExternalId": ACCOUNT}}))
    delivered.create()
    delivered.put(b"one")
    assert list(delivered.objects().values()) == [b"one"]


def test_update_of_the_destination_applies_to_buffered_records(delivered):
    """https://docs.aws.amazon.com/firehose/latest/APIReference/API_UpdateDestination.html"""
    delivered.create()
    delivered.firehose.put_record(DeliveryStreamName="d", Record={"Data": b"one"})
    delivered.firehose.update_destination(
        DeliveryStreamName="d",
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"Prefix": "new/"},
    )
    delivered.site.settle()
    (key,) = delivered.objects()
    assert key.startswith("new/20")
    assert "/d-2-20" in key


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"DataFormatConversionConfiguration": {"Enabled": True}}, "DataFormatConversionConfiguration"),
        ({"DynamicPartitioningConfiguration": {"Enabled": True}}, "DynamicPartitioningConfiguration"),
        ({"S3BackupMode": "Enabled"}, "S3BackupMode"),
        ({"CompressionFormat": "Snappy"}, "Snappy"),
        ({"Prefix": "!{partitionKeyFromQuery:a}/"}, "partitionKeyFromQuery"),
        ({"ProcessingConfiguration": {"Enabled": True, "Processors": [{"Type": "Decompression"}]}}, "Decompression"),
        ({"CustomTimeZone": "Nowhere/City"}, "Nowhere/City"),
    ],
)
def test_destination_that_is_not_served_is_rejected(delivered, settings, named):
    """https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
    Refused: conversion of formats, dynamic partitioning, backup, compressions other than GZIP, other processors.
    """
    with pytest.raises(ClientError, match=f"InvalidArgumentException.*{named}"):
        delivered.create(settings)


def test_record_must_fit_and_its_stream_must_exist(delivered):
    """https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html"""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        delivered.put(b"one")
    delivered.create()
    with pytest.raises(ClientError, match="ValidationException"):
        delivered.put(b"x" * 1_024_001)
