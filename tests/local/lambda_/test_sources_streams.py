"""Kinesis and DynamoDB streams as event sources: positions, batches, failures, windows and destinations."""

import base64
import json

import pytest
from lambda_kit import LAMBDA, filters, message_bodies

pytest_plugins = ["lambda_fixtures"]
REPORT = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
CONTENTS = "texts = [base64.b64decode(r['kinesis']['data']).decode() for r in event['Records']]"
FAIL_ON_BAD = (CONTENTS, "if any('bad' in text for text in texts): raise RuntimeError('no')")
REPORT_BAD = (
    "def text(r): return base64.b64decode(r['kinesis']['data']).decode()",
    "bad = [r['kinesis']['sequenceNumber'] for r in event['Records'] if 'bad' in text(r)]",
    "return {'batchItemFailures': [{'itemIdentifier': number} for number in reversed(bad)]}",
)


def on_failure(destination):
    return {"DestinationConfig": {"OnFailure": {"Destination": destination}}}


# -- records and positions -------------------------------------------------------------------------------------------


def test_record_has_the_format_of_lambda(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html

    Differs: moto's sequence numbers are short.
    """
    site.function()
    stream = site.stream()
    site.mapping(stream)
    (put,) = stream.put("hello", key="k")
    site.settle()
    (record,) = site.seen()[0]["Records"]
    assert record["eventID"] == f"{put['ShardId']}:{put['SequenceNumber']}"
    assert (record["eventName"], record["invokeIdentityArn"]) == ("aws:kinesis:record", site.role)
    assert base64.b64decode(record["kinesis"]["data"]) == b"hello"


@pytest.mark.parametrize(
    ("position", "taken"),
    [("TRIM_HORIZON", ["old", "middle", "new"]), ("AT_TIMESTAMP", ["middle", "new"]), ("LATEST", ["new"])],
)
def test_mapping_starts_at_its_starting_position(site, position, taken):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    site.function()
    stream = site.stream()
    stream.put("old")
    site.wait(60)
    timestamp = site.cloud.scheduler.clock.now()
    site.wait(60)
    stream.put("middle")
    at = {"StartingPositionTimestamp": timestamp} if position == "AT_TIMESTAMP" else {}
    site.mapping(stream, StartingPosition=position, **at)
    stream.put("new")
    site.settle()
    assert site.contents() == taken


def test_shards_are_read_separately(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    site.function()
    stream = site.stream(shards=3)
    put = stream.put(*map(str, range(30)))
    site.mapping(stream)
    site.settle()
    shards = [{record["eventID"].split(":")[0] for record in event["Records"]} for event in site.seen()]
    assert sorted(site.contents()) == sorted(map(str, range(30)))
    assert all(len(shard) == 1 for shard in shards)
    assert set().union(*shards) == {record["ShardId"] for record in put}


def test_split_shard_is_finished_before_its_children(site):
    """https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html"""
    site.function()
    stream = site.stream()
    stream.put("before", key="k")
    site.client("kinesis").split_shard(
        StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127)
    )
    stream.put("after", key="k")
    site.mapping(stream)
    site.settle()
    assert site.batches() == [["before"], ["after"]]


def test_mappings_read_one_stream_independently(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    site.function()
    site.function("g", "raise RuntimeError('no')")
    stream = site.stream()
    site.mapping(stream)
    site.mapping(stream, "g", MaximumRetryAttempts=0)
    stream.put("1")
    site.settle()
    assert (site.batches(), site.batches("g")) == ([["1"]], [["1"]])


def test_enabled_mapping_continues_at_its_position(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html"""
    site.function()
    stream = site.stream()
    mapping = site.mapping(stream)
    stream.put("1")
    site.settle()
    site.change(mapping, Enabled=False)
    stream.put("2")
    site.settle()
    assert site.batches() == [["1"]]
    site.change(mapping, Enabled=True)
    site.settle()
    assert site.batches() == [["1"], ["2"]]


# -- batches ---------------------------------------------------------------------------------------------------------


def test_batch_has_at_most_the_batch_size(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html"""
    site.function()
    stream = site.stream()
    stream.put(*"12345")
    site.mapping(stream, BatchSize=2)
    site.settle()
    assert site.batches() == [["1", "2"], ["3", "4"], ["5"]]


def test_batching_window_collects_records(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html"""
    site.function()
    stream = site.stream()
    site.mapping(stream, MaximumBatchingWindowInSeconds=30)
    before = site.cloud.scheduler.clock.now()
    stream.put("1")
    stream.put("2")
    site.settle()
    assert site.batches() == [["1", "2"]]
    assert site.cloud.scheduler.clock.now() - before >= 30


def test_records_that_match_no_filter_are_skipped(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html"""
    site.function()
    stream = site.stream()
    stream.put('{"kind": "a"}', '{"kind": "b"}', "plain", '{"kind": "a", "n": 2}')
    site.mapping(stream, FilterCriteria=filters({"data": {"kind": ["a"]}}))
    site.settle()
    assert site.batches() == [['{"kind": "a"}', '{"kind": "a", "n": 2}']]


def test_parallelization_factor_keeps_the_order_of_each_key(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html"""
    site.function("f", "time.sleep(0.02)")
    stream = site.stream()
    for number in range(4):
        for key in "abcdef":
            stream.put(f"{key}{number}", key=key)
    site.mapping(stream, ParallelizationFactor=4, BatchSize=2)
    site.settle()
    handled = site.contents()
    assert len(handled) == 24
    assert all([text for text in handled if text[0] == key] == [f"{key}{n}" for n in range(4)] for key in "abcdef")


def test_changed_parallelization_factor_neither_loses_nor_repeats_records(site):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html"""
    site.function()
    stream = site.stream()
    mapping = site.mapping(stream, ParallelizationFactor=3, BatchSize=1)
    stream.put(*map(str, range(10)))
    site.settle()
    site.change(mapping, ParallelizationFactor=2)
    stream.put(*map(str, range(10, 20)))
    site.settle()
    assert sorted(site.contents(), key=int) == list(map(str, range(20)))


# -- failures --------------------------------------------------------------------------------------------------------


def test_failing_batch_blocks_its_shard_until_its_retries_are_exhausted(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html

    Differs: AWS publishes no retry delays; here they grow from one second to one minute.
    """
    site.function("f", *FAIL_ON_BAD)
    stream = site.stream()
    stream.put("bad", "good")
    site.mapping(stream, BatchSize=1, MaximumRetryAttempts=2)
    site.settle()
    assert site.batches() == [["bad"], ["bad"], ["bad"], ["good"]]


def test_discarded_batch_is_sent_to_the_on_failure_queue(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    stream.put("bad", "bad too")
    site.mapping(stream, MaximumRetryAttempts=1, **on_failure(dead.arn))
    site.settle()
    (dead_letter,) = message_bodies(dead)
    assert dead_letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert dead_letter["requestContext"]["approximateInvokeCount"] == 2
    assert dead_letter["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    info = dead_letter["KinesisBatchInfo"]
    assert (info["shardId"], info["batchSize"], info["streamArn"]) == ("shardId-000000000000", 2, stream.arn)
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == ("1", "2")


def test_discarded_batch_is_sent_to_the_on_failure_topic(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    topic = site.client("sns").create_topic(Name="failed")["TopicArn"]
    site.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=dead.arn)
    stream.put("bad")
    site.mapping(stream, MaximumRetryAttempts=0, **on_failure(topic))
    site.settle()
    (dead_letter,) = message_bodies(dead)
    assert json.loads(dead_letter["Message"])["KinesisBatchInfo"]["batchSize"] == 1


def test_discarded_batch_is_stored_with_its_records_in_the_on_failure_bucket(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, s3 = site.stream(), site.client("s3")
    s3.create_bucket(Bucket="discarded")
    stream.put("bad")
    mapping = site.mapping(stream, MaximumRetryAttempts=0, **on_failure("arn:aws:s3:::discarded"))
    site.settle()
    (found,) = s3.list_objects_v2(Bucket="discarded")["Contents"]
    stored = json.loads(s3.get_object(Bucket="discarded", Key=found["Key"])["Body"].read())
    assert found["Key"].startswith(f"aws/lambda/{mapping}/shardId-000000000000/")
    assert json.loads(stored["payload"])["Records"][0]["eventSource"] == "aws:kinesis"


def test_bisecting_a_batch_isolates_the_bad_record_without_counting_retries(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    stream.put("1", "2", "bad", "4")
    site.mapping(stream, BisectBatchOnFunctionError=True, MaximumRetryAttempts=0, **on_failure(dead.arn))
    site.settle()
    assert site.batches() == [["1", "2", "bad", "4"], ["1", "2"], ["bad", "4"], ["bad"], ["4"]]
    assert [dead_letter["KinesisBatchInfo"]["startSequenceNumber"] for dead_letter in message_bodies(dead)] == ["3"]


def test_lowest_failed_sequence_number_is_the_checkpoint(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    site.function("f", *REPORT_BAD)
    stream = site.stream()
    stream.put("1", "bad 2", "3", "bad 4")
    site.mapping(stream, MaximumRetryAttempts=1, **REPORT)
    site.settle()
    assert site.batches() == [["1", "bad 2", "3", "bad 4"], ["bad 2", "3", "bad 4"]]


def test_bisecting_with_a_partial_response_retries_only_the_remaining_records(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    site.function("f", *REPORT_BAD)
    stream = site.stream()
    stream.put("1", "2", "bad")
    site.mapping(stream, MaximumRetryAttempts=0, BisectBatchOnFunctionError=True, **REPORT)
    site.settle()
    assert site.batches() == [["1", "2", "bad"], ["bad"]]


def test_records_past_the_maximum_age_are_discarded(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream, dead = site.stream(), site.queue("dead")
    site.mapping(stream, MaximumRecordAgeInSeconds=120, **on_failure(dead.arn))
    stream.put("bad")
    site.settle()
    assert 3 < len(site.seen()) < 10
    assert [dead_letter["requestContext"]["condition"] for dead_letter in message_bodies(dead)] == ["RecordAgeExpired"]


def test_batch_without_limits_is_retried_until_its_records_expire(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function("f", *FAIL_ON_BAD)
    stream = site.stream()
    stream.put("bad")
    before = site.cloud.scheduler.clock.now()
    site.mapping(stream)
    site.settle()
    assert site.cloud.scheduler.clock.now() - before >= 24 * 3600


def test_throttling_does_not_count_as_a_retry_of_a_batch(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
    site.function()
    stream = site.stream()
    site.client("lambda").put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    site.mapping(stream, MaximumRetryAttempts=0)
    stream.put("1")
    site.cloud.on_loop(
        lambda: site.cloud.scheduler.after(
            600, lambda: site.cloud.region.backends.lambda_.delete_function_concurrency("f"), "the end of throttling"
        )
    )
    site.settle()
    assert site.batches() == [["1"]]


# -- tumbling windows ------------------------------------------------------------------------------------------------

SUMS = (
    "state = event['state']",
    "state['n'] = state.get('n', 0) + len(event['Records'])",
    "return {'state': state}",
)


def test_tumbling_window_passes_its_state_on_and_ends_with_a_final_invocation(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""
    site.function("f", *SUMS)
    stream = site.stream()
    stream.put(*"12345")
    site.mapping(stream, TumblingWindowInSeconds=300, BatchSize=2)
    site.settle()
    *batches, last = site.seen()
    assert [event["state"] for event in batches] == [{}, {"n": 2}, {"n": 4}]
    assert (last["Records"], last["state"], last["isFinalInvokeForWindow"]) == ([], {"n": 5}, True)
    assert (last["shardId"], last["eventSourceARN"]) == ("shardId-000000000000", stream.arn)
    assert set(last["window"]) == {"start", "end"}


def test_records_of_two_windows_share_neither_batch_nor_state(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""
    site.function("f", *SUMS)
    stream = site.stream()
    mapping = site.mapping(stream, TumblingWindowInSeconds=60, Enabled=False)
    stream.put("1")
    site.wait(61)
    stream.put("2")
    site.change(mapping, Enabled=True)
    site.settle()
    assert [(len(event["Records"]), event["state"]) for event in site.seen()] == [(1, {}), (0, {"n": 1})] * 2


def test_response_without_state_is_a_failure(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""
    site.function("f", "return {}")
    stream = site.stream()
    site.mapping(stream, TumblingWindowInSeconds=60, MaximumRetryAttempts=1)
    stream.put("1")
    site.settle()
    assert [len(event["Records"]) for event in site.seen()] == [1, 1, 0]


def test_state_above_1_mb_ends_its_window_early(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""
    site.function("f", "return {'state': {'x': 'x' * (1 << 20) if event['Records'] else ''}}")
    stream = site.stream()
    site.mapping(stream, TumblingWindowInSeconds=60)
    stream.put("1")
    site.settle()
    early = [event["isWindowTerminatedEarly"] for event in site.seen()]
    assert early == [False, True, False]
    assert site.seen()[-1]["state"] == {}


# -- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(site):
    """A table with old and new images in its stream. `arn` is the stream's."""
    from types import SimpleNamespace

    dynamodb = site.client("dynamodb")
    made = dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]

    def put(pk, n):
        dynamodb.put_item(TableName="t", Item={"pk": {"S": pk}, "n": {"N": str(n)}})

    def delete(pk):
        dynamodb.delete_item(TableName="t", Key={"pk": {"S": pk}})

    return SimpleNamespace(arn=made["LatestStreamArn"], put=put, delete=delete)


def test_item_changes_have_old_and_new_images(site, table):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    site.function()
    site.mapping(table, BatchSize=1)
    table.put("a", 1)
    table.put("a", 2)
    table.delete("a")
    site.settle()
    records = [event["Records"][0] for event in site.seen()]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["dynamodb"]["OldImage"]["n"] == {"N": "1"}
    assert records[1]["dynamodb"]["NewImage"] == {"pk": {"S": "a"}, "n": {"N": "2"}}
    assert {record["eventSourceARN"] for record in records} == {table.arn}


def test_write_without_a_change_creates_no_record(site, table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    site.function()
    site.mapping(table)
    table.put("a", 1)
    table.put("a", 1)
    site.settle()
    assert sum(len(event["Records"]) for event in site.seen()) == 1


def test_stream_of_a_table_can_be_read_by_others(site, table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    site.function()
    site.mapping(table)
    table.put("a", 1)
    site.settle()
    streams = site.client("dynamodbstreams")
    shard = streams.describe_stream(StreamArn=table.arn)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=table.arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    assert len(streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]) == 1


def test_table_changes_are_filtered_and_discarded_like_kinesis_records(site, table):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html"""
    site.function("f", "raise RuntimeError('no')")
    dead = site.queue("dead")
    criteria = filters({"eventName": ["INSERT"], "dynamodb": {"NewImage": {"n": {"N": ["2"]}}}})
    site.mapping(table, FilterCriteria=criteria, MaximumRetryAttempts=0, **on_failure(dead.arn))
    table.put("a", 1)
    table.put("b", 2)
    site.settle()
    (dead_letter,) = message_bodies(dead)
    assert dead_letter["DDBStreamBatchInfo"]["batchSize"] == 1
    assert dead_letter["requestContext"]["functionArn"] == f"{LAMBDA}f"
