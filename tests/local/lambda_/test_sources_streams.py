"""Kinesis streams as event sources: records, positions, batches and tumbling windows."""

import base64

import pytest
from lambda_kit import filters

pytest_plugins = ["lambda_fixtures"]


# -- records and positions -------------------------------------------------------------------------------------------


def test_stream_without_a_number_of_shards_is_on_demand(site):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html"""
    kinesis = site.client("kinesis")
    kinesis.create_stream(StreamName="s")
    assert len(kinesis.list_shards(StreamName="s")["Shards"]) == 4
    with pytest.raises(kinesis.exceptions.ResourceInUseException, match="Stream s under account 123456789012 already"):
        kinesis.create_stream(StreamName="s")


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


def test_mapping_of_a_consumer_reads_the_stream(site):
    """https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
    Differs: the consumer shares the throughput, and the mapping and its records name the stream.
    """
    site.function()
    stream = site.stream()
    consumer = site.client("kinesis").register_stream_consumer(StreamARN=stream.arn, ConsumerName="c")["Consumer"]
    site.client("lambda").create_event_source_mapping(
        FunctionName="f", EventSourceArn=consumer["ConsumerARN"], StartingPosition="TRIM_HORIZON"
    )
    stream.put("hello")
    site.settle()
    assert len(site.seen()) == 1


def test_records_are_read_after_a_sequence_number_up_to_the_limit(site):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""
    kinesis = site.client("kinesis")
    kinesis.create_stream(StreamName="numbered", ShardCount=1)
    entries = [{"Data": str(at).encode(), "PartitionKey": "k"} for at in range(9)]
    put = kinesis.put_records(StreamName="numbered", Records=entries)["Records"]
    position = {"ShardId": put[2]["ShardId"], "StartingSequenceNumber": put[2]["SequenceNumber"]}
    after = {"StreamName": "numbered", "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", **position}
    first = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**after)["ShardIterator"], Limit=4)
    rest = kinesis.get_records(ShardIterator=first["NextShardIterator"])
    assert [[each["Data"] for each in page["Records"]] for page in (first, rest)] == [
        [b"3", b"4", b"5", b"6"],
        [b"7", b"8"],
    ]
    assert kinesis.get_records(ShardIterator=rest["NextShardIterator"])["Records"] == []


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
