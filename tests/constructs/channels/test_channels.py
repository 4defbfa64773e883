"""Channels: what their settings become, and what they refuse."""

import re

import pytest

from millrace.constructs import Bus, Mediator, NoOrder, Processor, UnfitBreaker, direct, ordered, queue
from millrace.events import Event


class Rung(Event, source="test.bell"):
    bell: str
    times: int
    ringer: str = "unknown"


def test_an_ordered_channel_leads_by_its_key_through_a_stream(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(by="customer_id", shards=3, lanes=4))
    template = synthesised()
    (stream,) = template.of("Kinesis::Stream").values()
    assert (stream["ShardCount"], stream["StreamEncryption"]["EncryptionType"]) == (3, "KMS")
    (target,) = template.targets(next(iter(template.of("Kinesis::Stream"))))
    assert target["KinesisParameters"] == {"PartitionKeyPath": "$.detail.data.customer_id"}
    assert {"DeadLetterConfig", "RetryPolicy", "RoleArn"} <= target.keys()


def test_an_ordered_channel_halves_retries_and_gives_up(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(by="customer_id", retry_attempts=2))
    (mapping,) = synthesised().of("Lambda::EventSourceMapping").values()
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["MaximumRetryAttempts"], mapping["MaximumRecordAgeInSeconds"]) == (2, 3600)


def test_what_an_ordered_channel_gives_up_is_kept_whole_and_told_of(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(by="customer_id"))
    template = synthesised()
    ((name, bucket),) = ((n, b) for n, b in template.of("S3::Bucket").items() if "GivenUp" in n)
    (mapping,) = template.of("Lambda::EventSourceMapping").values()
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [name, "Arn"]}
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    rules = [r["EventPattern"] for r in template.rules() if r["EventPattern"]["source"] == ["aws.s3"]]
    assert [rule["detail"]["bucket"]["name"] for rule in rules] == [[{"Ref": name}]]


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("tower", "Rung has no such field"),
        ("times", "Rung has times: FieldInfo(annotation=int"),
        ("ringer", "it, as ringer: str without a default: add it, or order by another field"),
    ],
)
def test_an_event_without_the_key_of_its_order_is_refused(stack, bus, by, told):
    with pytest.raises(NoOrder, match=re.escape(told)):
        ordered(by=by).connect(stack, bus, [Rung], None, None)


def test_a_shard_has_no_more_lanes_than_aws_gives_it(stack, bus):
    with pytest.raises(NoOrder, match="a shard has 1 to 10 lanes"):
        ordered(by="bell", lanes=11).connect(stack, bus, [Rung], None, None)


def test_the_channel_of_a_function_stands_in_the_graph(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(by="customer_id"))
    template = synthesised()
    assert template.facts()[template.function("issue_gift")]["channel"] == {"kind": "ordered", "by": "customer_id"}


def test_a_mediator_starts_in_order_too(stack, bus, synthesised):
    Mediator(stack, "M", bus=bus, steps=["arrange_shipping"], channel=ordered(by="customer_id"))
    (mapping,) = synthesised().of("Lambda::EventSourceMapping").values()
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


def test_a_direct_channel_may_have_its_bulkhead(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=direct(max_concurrency=3))
    (function,) = synthesised().of("Lambda::Function").values()
    assert function["ReservedConcurrentExecutions"] == 3


def test_an_ordered_channel_is_under_the_key_of_its_bus(stack, synthesised):
    keyed = Bus(stack, "Bus", name="keyed", encryption_key="own")
    Processor(stack, "P", bus=keyed, function="issue_gift", channel=ordered(by="customer_id"))
    template = synthesised()
    (key,) = ({"Fn::GetAtt": [name, "Arn"]} for name in template.of("KMS::Key"))
    (stream,) = template.of("Kinesis::Stream").values()
    (bucket,) = (bucket for name, bucket in template.of("S3::Bucket").items() if "GivenUp" in name)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert (stream["StreamEncryption"]["KeyId"], rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]) == (key, key)
    letters = next(r["Name"] for r in template.rules() if r["EventPattern"]["source"] == ["aws.s3"])
    assert letters in str(template.of("KMS::Key"))


def test_the_function_of_an_ordered_channel_may_add_to_its_bucket_and_no_more(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(by="customer_id"))
    template = synthesised()
    known = [s for s in template.statements(template.function("issue_gift")) if "GivenUp" in str(s["Resource"])]
    assert [statement["Action"] for statement in known] == ["s3:PutObject", "s3:ListBucket"]


def test_a_breaker_has_its_one_item_its_queue_and_its_alarm(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="notify_by_mail")
    template = synthesised()
    function = template.function("notify_by_mail")
    circuits = [s for s in template.statements(function) if "dynamodb:LeadingKeys" in str(s) and "mailer" in str(s)]
    assert [s["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] for s in circuits] == [["mailer"]]
    assert {"MILLRACE_CIRCUITS", "MILLRACE_QUEUE"} <= template.resources[function]["Properties"]["Environment"][
        "Variables"
    ].keys()
    assert "CircuitOpen" in [alarm["MetricName"] for alarm in template.of("CloudWatch::Alarm").values()]


@pytest.mark.parametrize(
    ("channel", "told"),
    [
        (direct(), "on the channel direct() events cannot wait until the circuit closes: use queue()"),
        (ordered(by="customer_id"), "on the channel ordered() events cannot wait"),
        (queue(batch_size=20), "a batch of 20 with 2 s for each call may take 40 s, and the function has 30 s"),
    ],
)
def test_a_breaker_that_cannot_work_on_its_channel_is_refused(stack, bus, channel, told):
    with pytest.raises(UnfitBreaker, match=re.escape(told)):
        Processor(stack, "P", bus=bus, function="notify_by_mail", channel=channel)


def test_the_dead_letter_queue_of_an_ordered_channel_takes_what_its_rule_cannot_deliver(stack, bus, synthesised):
    Processor(stack, "P", bus=bus, function="issue_gift", channel=ordered(by="customer_id"))
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
