"""Channels: resources and validation."""

import re

import pytest
from aws_cdk import Duration

from millrace.constructs import (
    BreakerConfigurationError,
    Bus,
    ChannelLimitError,
    Mediator,
    OrderingKeyError,
    Processor,
    direct,
    ordered,
    queue,
)
from millrace.events import Event


class Measured(Event, source="test.sensor"):
    sensor: str
    value: int
    unit: str = "unknown"


def test_ordered_channel_sends_events_to_a_stream_by_partition_key(stack, bus, synthesised):
    Processor(
        stack,
        "P",
        bus=bus,
        function="issue_gift",
        channel=ordered(partition_key="customer_id", shard_count=3, parallelization_factor=4),
    )
    template = synthesised()
    (stream,) = template.of("Kinesis::Stream").values()
    assert (stream["ShardCount"], stream["StreamEncryption"]["EncryptionType"]) == (3, "KMS")
    (target,) = template.targets(next(iter(template.of("Kinesis::Stream"))))
    assert target["KinesisParameters"] == {"PartitionKeyPath": "$.detail.data.customer_id"}
    assert {"DeadLetterConfig", "RetryPolicy", "RoleArn"} <= target.keys()


def test_ordered_channel_bisects_batches_and_limits_retries(stack, bus, synthesised):
    Processor(
        stack, "P", bus=bus, function="issue_gift", channel=ordered(partition_key="customer_id", retry_attempts=2)
    )
    (mapping,) = synthesised().of("Lambda::EventSourceMapping").values()
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (2, 3600)


def test_failed_records_are_stored_in_a_bucket_with_a_rule(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(partition_key="customer_id"))
    template = synthesised()
    ((name, bucket),) = ((n, b) for n, b in template.of("S3::Bucket").items() if "FailedRecords" in n)
    (mapping,) = template.of("Lambda::EventSourceMapping").values()
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [name, "Arn"]}
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rules = [r["EventPattern"] for r in template.rules() if r["EventPattern"]["source"] == ["aws.s3"]]
    assert [rule["detail"]["bucket"]["name"] for rule in rules] == [[{"Ref": name}]]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("location", "Measured has no such field"),
        ("value", "Measured has value: FieldInfo(annotation=int"),
        ("unit", "needs unit: str without a default: add it, or choose another partition key"),
    ],
)
def test_event_without_a_string_partition_key_raises(stack, bus, key, message):
    with pytest.raises(OrderingKeyError, match=re.escape(message)):
        ordered(partition_key=key).connect(stack, bus, [Measured], None, None)


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (queue(batch_size=11), "queue(batch_size=11): Lambda needs a window for batches of more than 10 messages"),
        (queue(batch_size=10_001, max_batching_window=Duration.seconds(1)), "batch_size=10001: set 1 to 10000."),
        (queue(max_receive_count=1_001), "Test/P: queue(max_receive_count=1001): set 1 to 1000."),
        (ordered(partition_key="customer_id", batch_size=0), "batch_size=0: set 1 to 10000."),
    ],
)
def test_channel_beyond_a_limit_of_aws_raises(stack, bus, channel, message):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    with pytest.raises(ChannelLimitError, match=re.escape(message)):
        Processor(stack, "P", bus=bus, function="issue_gift", channel=channel)


def test_parallelization_factor_above_the_limit_raises(stack, bus):
    with pytest.raises(OrderingKeyError, match="set 1 to 10"):
        ordered(partition_key="sensor", parallelization_factor=11).connect(stack, bus, [Measured], None, None)


def test_metadata_describes_the_channel(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(partition_key="customer_id"))
    template = synthesised()
    assert template.metadata()[template.function("issue_gift")]["channel"] == {
        "kind": "ordered",
        "partition_key": "customer_id",
    }


def test_mediator_accepts_an_ordered_channel(stack, bus, synthesised):
    Mediator(stack, "M", bus=bus, steps=["arrange_shipping"], channel=ordered(partition_key="customer_id"))
    (mapping,) = synthesised().of("Lambda::EventSourceMapping").values()
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_direct_channel_reserves_concurrency(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=direct(reserved_concurrent_executions=3))
    (function,) = synthesised().of("Lambda::Function").values()
    assert function["ReservedConcurrentExecutions"] == 3


def test_key_of_the_bus_encrypts_stream_and_bucket(stack, synthesised):
    keyed = Bus(stack, "Bus", name="keyed", encryption_key="create")
    Processor(stack, "P", bus=keyed, function="issue_gift", channel=ordered(partition_key="customer_id"))
    template = synthesised()
    (key,) = ({"Fn::GetAtt": [name, "Arn"]} for name in template.of("KMS::Key"))
    (stream,) = template.of("Kinesis::Stream").values()
    (bucket,) = (bucket for name, bucket in template.of("S3::Bucket").items() if "FailedRecords" in name)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert (stream["StreamEncryption"]["KeyId"], rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == (key, key)
    name = next(r["Name"] for r in template.rules() if r["EventPattern"]["source"] == ["aws.s3"])
    assert name in str(template.of("KMS::Key"))


def test_function_may_only_add_objects_to_the_failed_records_bucket(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(partition_key="customer_id"))
    template = synthesised()
    statements = [
        s for s in template.statements(template.function("issue_gift")) if "FailedRecords" in str(s["Resource"])
    ]
    assert [statement["Action"] for statement in statements] == ["s3:PutObject", "s3:ListBucket"]


def test_breaker_has_permissions_environment_and_an_alarm(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="notify_by_mail")
    template = synthesised()
    function = template.function("notify_by_mail")
    circuits = [s for s in template.statements(function) if "dynamodb:LeadingKeys" in str(s) and "mailer" in str(s)]
    assert [s["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] for s in circuits] == [["mailer"]]
    assert {"MILLRACE_CIRCUITS", "MILLRACE_QUEUE"} <= template.resources[function]["Properties"]["Environment"][
        "Variables"
    ].keys()
    assert "CircuitOpen" in [alarm.get("MetricName") for alarm in template.of("CloudWatch::Alarm").values()]


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (direct(), "on the channel direct() events cannot wait until the circuit closes: use queue()"),
        (ordered(partition_key="customer_id"), "on the channel ordered() events cannot wait"),
        (
            queue(batch_size=20, max_batching_window=Duration.seconds(1)),
            "a batch of 20 calls of up to 2 s can take 40 s, and the function's timeout is 30 s",
        ),
    ],
)
def test_breaker_on_an_unsuitable_channel_raises(stack, bus, channel, message):
    with pytest.raises(BreakerConfigurationError, match=re.escape(message)):
        Processor(stack, "P", bus=bus, function="notify_by_mail", channel=channel)


def test_rule_of_an_ordered_channel_may_send_to_the_dead_letter_queue(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(partition_key="customer_id"))
    template = synthesised()
    (target,) = template.targets(next(iter(template.of("Kinesis::Stream"))))
    (rule,) = [name for name, rule in template.of("Events::Rule").items() if target in rule.get("Targets", ())]
    senders = [
        statement["Condition"].get("ArnEquals")
        for policy in template.of("SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Resource"] == target["DeadLetterConfig"]["Arn"]
    ]
    assert {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}} in senders
