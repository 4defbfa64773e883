"""The ordered channel keeps the order of each key despite failures and poison records."""

import base64
import json

KEYS = "abcdefgh"
SHARDS = 8


def step(flows, key, number, fails="never"):
    return flows.put("test.ordered", "Stepped", key=key, number=number, fails=fails)


def steps(flows, key):
    item = flows.table("seen").get_item(Key={"key": key}).get("Item", {})
    return [int(number) for number in item.get("steps", [])]


def test_events_of_a_key_stay_in_order_across_shards_and_failures(flows):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    for number in range(12):
        for key in KEYS:
            step(flows, key, number, "once" if number == ord(key) % 12 else "never")
    flows.settle()
    kinesis = flows.client("kinesis")
    stream = kinesis.list_streams()["StreamNames"][0]
    assert len(kinesis.list_shards(StreamName=stream)["Shards"]) == SHARDS
    assert {key: steps(flows, key) for key in KEYS} == {key: [*range(12)] for key in KEYS}


def test_poison_record_moves_to_the_failed_records_bucket_with_a_dead_letter(flows):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    for number in range(6):
        for key in ("i", "j", "k"):
            step(flows, key, number, "always" if (key, number) == ("j", 2) else "never")
    flows.settle()
    assert [steps(flows, key) for key in ("i", "j", "k")] == [[*range(6)], [0, 1, 3, 4, 5], [*range(6)]]
    (dead_letter,) = flows.dead_letters("keeporder")
    assert events_in(flows, dead_letter["detail"]) == [{"key": "j", "number": 2, "fails": "always"}]


def events_in(flows, detail):
    """Return the data of the events in the S3 object of a dead letter."""
    found = flows.client("s3").get_object(Bucket=detail["bucket"]["name"], Key=detail["object"]["key"])
    records = json.loads(json.loads(found["Body"].read())["payload"])["Records"]
    return [json.loads(base64.b64decode(record["kinesis"]["data"]))["detail"]["data"] for record in records]


def test_trace_shows_a_failed_record(flows):
    correlation_id = step(flows, "z", 0, "always")
    flows.settle()
    work = flows.cloud.trace(correlation_id).work("keep_order")
    assert len(work.attempts) == 3
    assert "failedrecords" in work.dead_letter
    assert len(flows.dead_letters("keeporder")) == 1
