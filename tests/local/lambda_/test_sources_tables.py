"""DynamoDB streams as event sources."""

from types import SimpleNamespace

import pytest
from lambda_kit import LAMBDA, filters, message_bodies, on_failure

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def table(site):
    """A table with old and new images in its stream. `arn` is the stream's."""
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


def test_binary_attributes_are_base64_text(site, table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_AttributeValue.html"""
    site.function()
    site.mapping(table)
    item = {"pk": {"S": "a"}, "b": {"B": b"\x00\xff"}, "set": {"BS": [b"\x01"]}, "m": {"M": {"b": {"B": b"\x02"}}}}
    site.client("dynamodb").put_item(TableName="t", Item=item)
    site.settle()
    (record,) = site.seen()[0]["Records"]
    image = record["dynamodb"]["NewImage"]
    assert (image["b"], image["set"], image["m"]) == ({"B": "AP8="}, {"BS": ["AQ=="]}, {"M": {"b": {"B": "Ag=="}}})
