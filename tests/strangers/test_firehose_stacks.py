"""Delivery streams of Amazon Data Firehose."""

import gzip
import json


def objects(strangers, stack):
    bucket, s3 = strangers.output(stack, "Bucket"), strangers.client("s3")
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in found}


def test_delivery_stream_to_bucket(strangers):
    name = strangers.output("DeliveryStreamToBucket", "Delivery")
    records = [{"Data": b"one\n"}, {"Data": b"bad\n"}]
    strangers.client("firehose").put_record_batch(DeliveryStreamName=name, Records=records)
    strangers.settle()
    found = {key[:5]: gzip.decompress(data) for key, data in objects(strangers, "DeliveryStreamToBucket").items()}
    assert found["good/"] == b"ONE\n"
    assert json.loads(found["bad/p"])["errorCode"] == "Lambda.ProcessingFailedStatus"


def test_stream_to_delivery_stream(strangers):
    name = strangers.output("StreamToDeliveryStream", "Stream")
    strangers.client("kinesis").put_record(StreamName=name, PartitionKey="a", Data=b"one")
    strangers.settle()
    assert list(objects(strangers, "StreamToDeliveryStream").values()) == [b"one"]


def test_rule_to_delivery_stream(strangers):
    strangers.put(strangers.output("RuleToDeliveryStream", "Bus"), "shop", order="a")
    assert list(map(json.loads, objects(strangers, "RuleToDeliveryStream").values())) == [{"order": "a"}]


def test_log_group_to_delivery_stream(strangers):
    group, logs = strangers.output("LogGroupToDeliveryStream", "Group"), strangers.client("logs")
    now = int(strangers.cloud.scheduler.clock.now() * 1000)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    events = [{"timestamp": now, "message": message} for message in ("ERROR one", "fine")]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    strangers.settle()
    ((key, data),) = objects(strangers, "LogGroupToDeliveryStream").items()
    assert key.startswith("logs/20")
    assert [each["message"] for each in json.loads(gzip.decompress(data))["logEvents"]] == ["ERROR one"]
