"""SQS queues as event sources: batches, filters, concurrency, order and changed mappings."""

import pytest
from lambda_kit import filters

from millrace.local.core.targets import send_record
from millrace.local.services.sqs import Sqs, receive

pytest_plugins = ["lambda_fixtures"]


def groups(event):
    return [record["attributes"]["MessageGroupId"] for record in event["Records"]]


# -- batches ---------------------------------------------------------------------------------------------------------


def test_record_has_the_format_of_lambda(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    site.function()
    queue = site.queue()
    site.mapping(queue)
    (sent,) = queue.send("hello", MessageAttributes={"kind": {"DataType": "String", "StringValue": "x"}})
    site.settle()
    (record,) = site.seen()[0]["Records"]
    assert (record["eventSource"], record["eventSourceARN"], record["awsRegion"]) == ("aws:sqs", queue.arn, "us-east-1")
    assert record["messageAttributes"]["kind"] == {
        "dataType": "String",
        "stringValue": "x",
        "stringListValues": [],
        "binaryListValues": [],
    }
    assert record["md5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


@pytest.mark.parametrize(("given", "sizes"), [({}, [10, 2]), ({"BatchSize": 5}, [5, 5, 2])])
def test_batch_has_at_most_ten_messages_or_the_batch_size(site, given, sizes):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html"""
    site.function()
    queue = site.queue()
    queue.send(*(str(number) for number in range(12)))
    site.mapping(queue, **given)
    site.settle()
    assert sorted(map(len, site.batches()), reverse=True) == sizes


def test_batching_window_collects_records(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    site.function()
    queue = site.queue()
    site.mapping(queue, BatchSize=100, MaximumBatchingWindowInSeconds=60)
    before = site.cloud.scheduler.clock.now()
    queue.send("1")
    queue.send("2")
    site.settle()
    assert site.batches() == [["1", "2"]]
    assert site.cloud.scheduler.clock.now() - before >= 60


def test_full_batch_does_not_wait_for_the_batching_window(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    site.function()
    queue = site.queue()
    queue.send("1", "2")
    before = site.cloud.scheduler.clock.now()
    site.mapping(queue, BatchSize=2, MaximumBatchingWindowInSeconds=300)
    site.settle()
    assert site.batches() == [["1", "2"]]
    assert site.cloud.scheduler.clock.now() - before < 300


def test_batch_has_at_most_6_mb(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    site.function()
    queue = site.queue()
    queue.send(*("x" * 900_000 for _ in range(8)))
    site.mapping(queue)
    site.settle()
    assert sorted(map(len, site.batches())) == [2, 6]


# -- filters ---------------------------------------------------------------------------------------------------------


def test_messages_that_match_no_filter_are_deleted(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html"""
    site.function()
    queue = site.queue()
    site.mapping(queue, FilterCriteria=filters({"body": {"kind": ["a"]}}, {"body": {"n": [{"numeric": [">", 5]}]}}))
    queue.send('{"kind": "a"}', '{"kind": "b"}', '{"kind": "c", "n": 6}')
    site.settle()
    assert sorted(site.contents()) == ['{"kind": "a"}', '{"kind": "c", "n": 6}']
    assert queue.count() == (0, 0)


@pytest.mark.parametrize(
    ("rule", "taken"), [({"x": [1]}, ['{"x": 1}']), (["plain"], ["plain"]), ([{"prefix": ""}], ["plain", "no"])]
)
def test_json_filter_drops_text_and_text_filter_drops_json(site, rule, taken):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html"""
    site.function()
    queue = site.queue()
    site.mapping(queue, FilterCriteria=filters({"body": rule}))
    queue.send('{"x": 1}', "plain", "no")
    site.settle()
    assert sorted(site.contents()) == sorted(taken)
    assert queue.count() == (0, 0)


def test_mapping_with_an_invalid_filter_is_rejected(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    site.function()
    with pytest.raises(site.client("lambda").exceptions.InvalidParameterValueException, match="Invalid filter pattern"):
        site.mapping(site.queue(), FilterCriteria=filters({"body": "no list"}))


# -- concurrency -----------------------------------------------------------------------------------------------------

COUNT_CONCURRENCY = (
    "n = os.environ['SEEN'] + '.now'",
    "open(n, 'a').write('+')",
    "time.sleep(0.05)",
    "s = open(n).read()",
    "open(n + '.most', 'a').write(f\"{s.count('+') - s.count('-')} \")",
    "open(n, 'a').write('-')",
)


@pytest.mark.parametrize(("given", "most"), [({"ScalingConfig": {"MaximumConcurrency": 2}}, 2), ({}, 5)])
def test_batches_in_flight_do_not_exceed_the_maximum_concurrency(site, tmp_path, given, most):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html

    Differs: without a maximum, concurrency stays at Lambda's initial five batches.
    """
    site.function("f", *COUNT_CONCURRENCY)
    queue = site.queue()
    queue.send(*map(str, range(8)))
    site.mapping(queue, BatchSize=1, **given)
    site.settle()
    at_once = [int(number) for number in (tmp_path / "f.jsonl.now.most").read_text().split()]
    assert len(at_once) == 8
    assert max(at_once) <= most


# -- changed mappings ------------------------------------------------------------------------------------------------


def test_disabled_mapping_does_not_poll_until_it_is_enabled(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html"""
    site.function()
    queue = site.queue()
    mapping = site.mapping(queue, Enabled=False)
    queue.send("x")
    site.settle()
    assert site.seen() == []
    site.change(mapping, Enabled=True)
    site.settle()
    assert site.batches() == [["x"]]


def test_batch_in_flight_continues_when_its_mapping_is_deleted(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html"""
    site.function("f", "time.sleep(0.3)")
    queue = site.queue()
    mapping = site.mapping(queue)
    queue.send("x")
    while not site.seen():
        site.client("sqs").get_queue_attributes(QueueUrl=queue.url)
    site.client("lambda").delete_event_source_mapping(UUID=mapping)
    queue.send("y")
    site.settle()
    assert site.batches() == [["x"]]
    assert queue.count() == (1, 0)


def test_changed_batch_size_applies_to_the_next_batch(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html"""
    site.function()
    queue = site.queue()
    mapping = site.mapping(queue, Enabled=False)
    queue.send("1", "2")
    site.change(mapping, BatchSize=1, Enabled=True)
    site.settle()
    assert sorted(site.batches()) == [["1"], ["2"]]


def test_mapping_to_an_alias_invokes_the_version_of_the_alias(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html"""
    client = site.client("lambda")
    arn = site.function()
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    queue = site.queue()
    mapping = site.mapping(queue, f"{arn}:live")
    assert client.get_event_source_mapping(UUID=mapping)["FunctionArn"] == f"{arn}:live"
    site.update("f", "raise RuntimeError('this is the newest code')")
    queue.send("x")
    site.settle()
    assert queue.count() == (0, 0)


# -- order -----------------------------------------------------------------------------------------------------------


def test_failed_message_blocks_only_later_messages_of_its_group(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
    first = "record['attributes']['ApproximateReceiveCount'] == '1' and record['body'] == 'a1'"
    site.function("f", "record = event['Records'][0]", f"if {first}: raise RuntimeError('no')")
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    for body in ("a1", "a2", "b1"):
        queue.send(body, MessageGroupId=body[0])
    site.mapping(queue, BatchSize=1)
    site.settle()
    handled = [batch[0] for batch in site.batches()]
    assert sorted(handled[:2]) == ["a1", "b1"]
    assert handled[2:] == ["a1", "a2"]


def test_messages_of_one_group_are_processed_one_at_a_time(site, tmp_path):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
    site.function("f", *COUNT_CONCURRENCY)
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    queue.send(*"12345", MessageGroupId="one")
    site.mapping(queue, BatchSize=1)
    site.settle()
    assert [batch[0] for batch in site.batches()] == list("12345")
    assert set((tmp_path / "f.jsonl.now.most").read_text().split()) == {"1"}


def test_fifo_batch_keeps_the_order_of_each_group(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html"""
    site.function()
    queue = site.queue("q.fifo", ContentBasedDeduplication="true")
    for number in range(4):
        queue.send(f"{number}", MessageGroupId="ab"[number % 2])
    site.mapping(queue)
    site.settle()
    assert site.batches() == [["0", "2", "1", "3"]]
    assert groups(site.seen()[0]) == ["a", "a", "b", "b"]


# -- size ------------------------------------------------------------------------------------------------------------


def test_ten_thousand_messages_are_each_received_once(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
    region, arn, received = site.cloud.region, site.queue("many").arn, []
    for number in range(10_000):
        send_record(region, arn, str(number))
    queue = region.service(Sqs).find(arn)
    while messages := receive(region, queue, 10, 30):
        for message in messages:
            received.append(int(message.body))
            queue.delete_message(message.receipt_handle)
    assert sorted(received) == list(range(10_000))


def test_function_sees_the_skipped_time_of_its_queue(site):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html"""
    site.function(
        "f",
        "sent = int(event['Records'][0]['attributes']['SentTimestamp'])",
        "if time.time() * 1000 < sent + 600_000: raise RuntimeError('the queue is ahead')",
    )
    queue = site.queue()
    site.mapping(queue)
    queue.send("1", DelaySeconds=600)
    site.settle()
    assert site.batches() == [["1"]]
