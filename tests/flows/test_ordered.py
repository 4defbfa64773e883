"""The ordered channel: the order of each key, kept through failures, and a poison record that ends alone."""

import base64
import json

KEYS = "abcdefgh"
SHARDS = 8


def step(flows, key, number, fails="never"):
    return flows.put("test.lanes", "Stepped", key=key, number=number, fails=fails)


def steps(flows, key):
    item = flows.table("seen").get_item(Key={"key": key}).get("Item", {})
    return [int(number) for number in item.get("steps", [])]


def test_the_events_of_a_key_stay_in_order_across_eight_shards_and_failures(flows):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    for number in range(12):
        for key in KEYS:
            step(flows, key, number, "once" if number == ord(key) % 12 else "never")
    flows.settle()
    kinesis = flows.client("kinesis")
    stream = kinesis.list_streams()["StreamNames"][0]
    assert len(kinesis.list_shards(StreamName=stream)["Shards"]) == SHARDS
    assert {key: steps(flows, key) for key in KEYS} == {key: [*range(12)] for key in KEYS}


def test_a_poison_record_ends_in_its_bucket_with_a_letter_and_the_rest_is_handled(flows):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    for number in range(6):
        for key in ("i", "j", "k"):
            step(flows, key, number, "always" if (key, number) == ("j", 2) else "never")
    flows.settle()
    assert [steps(flows, key) for key in ("i", "j", "k")] == [[*range(6)], [0, 1, 3, 4, 5], [*range(6)]]
    (letter,) = flows.letters("keeporder")
    assert events_in(flows, letter["detail"]) == [{"key": "j", "number": 2, "fails": "always"}]


def events_in(flows, told):
    """The data of the events in the object that a letter tells of."""
    found = flows.client("s3").get_object(Bucket=told["bucket"]["name"], Key=told["object"]["key"])
    records = json.loads(json.loads(found["Body"].read())["payload"])["Records"]
    return [json.loads(base64.b64decode(record["kinesis"]["data"]))["detail"]["data"] for record in records]


def test_the_trace_tells_of_a_record_that_was_given_up(flows):
    correlation_id = step(flows, "z", 0, "always")
    flows.settle()
    work = flows.cloud.trace(correlation_id).work("keep_order")
    assert len(work.attempts) == 3
    assert "failedrecords" in work.dead_letter
    assert len(flows.letters("keeporder")) == 1
