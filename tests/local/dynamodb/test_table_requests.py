"""Answers and errors of tables, and the records of their streams."""

import pytest
from botocore.exceptions import ClientError

ATTRIBUTES = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


@pytest.fixture(scope="module")
def dynamodb(empty_cloud):
    client = empty_cloud.client("dynamodb")
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    client.create_table(TableName="t", **ATTRIBUTES, ProvisionedThroughput=units, StreamSpecification=STREAM)
    yield client
    empty_cloud.reset()


@pytest.fixture(scope="module")
def records(empty_cloud, dynamodb):
    def records():
        streams = empty_cloud.client("dynamodbstreams")
        arn = dynamodb.describe_table(TableName="t")["Table"]["LatestStreamArn"]
        (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        begin = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        return streams.get_records(ShardIterator=streams.get_shard_iterator(**begin)["ShardIterator"])["Records"]

    return records


def error(action, **given):
    with pytest.raises(ClientError) as raised:
        action(**given)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def test_stream_record_has_the_size_of_its_keys_and_images(dynamodb, records):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html"""
    values = {"n": {"N": "-12.5"}, "l": {"L": [{"BOOL": True}]}, "m": {"M": {"a": {"B": b"12"}}}, "s": {"SS": ["abc"]}}
    dynamodb.put_item(TableName="t", Item={"id": {"S": "Fred"}})
    dynamodb.put_item(TableName="t", Item={"id": {"S": "Fred"}, "name": {"S": "Fred"}})
    dynamodb.put_item(TableName="t", Item={"id": {"S": "1"}, **values})
    found = records()
    assert [each["dynamodb"]["SizeBytes"] for each in found] == [12, 26, 3 + 3 + 4 + 6 + 8 + 4]
    assert {(each["eventVersion"], each["awsRegion"]) for each in found} == {("1.1", "us-east-1")}


@pytest.mark.parametrize("key", [{"other": {"S": "a"}}, {"id": {"S": "a"}, "other": {"S": "a"}}])
def test_key_of_a_batch_must_match_the_schema(dynamodb, key):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""
    found = error(dynamodb.batch_write_item, RequestItems={"t": [{"DeleteRequest": {"Key": key}}]})
    assert found == ("ValidationException", "The provided key element does not match the schema")


def test_empty_key_is_rejected(dynamodb):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
    found = error(dynamodb.put_item, TableName="t", Item={"id": {"S": ""}})
    assert found[1].endswith("The AttributeValue for a key attribute cannot contain an empty string value. Key: id")


def test_batch_reports_capacity_on_request(dynamodb):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""
    request = {"RequestItems": {"t": [{"PutRequest": {"Item": {"id": {"S": "a"}}}}]}}
    silent, full = (
        dynamodb.batch_write_item(**request),
        dynamodb.batch_write_item(**request, ReturnConsumedCapacity="TOTAL"),
    )
    assert ("ConsumedCapacity" in silent, "ConsumedCapacity" in full) == (False, True)
    assert "ItemCollectionMetrics" not in silent


def test_table_shows_the_indexes_and_billing_mode_that_it_has(dynamodb):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html"""
    described = dynamodb.describe_table(TableName="t")["Table"]
    assert not described.keys() & {"GlobalSecondaryIndexes", "LocalSecondaryIndexes", "BillingModeSummary"}
    assert described["TableId"] == dynamodb.describe_table(TableName="t")["Table"]["TableId"]


def test_table_on_demand_has_no_throughput(dynamodb):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html"""
    units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    given = {"TableName": "u", "BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": units}
    assert "Neither ReadCapacityUnits nor WriteCapacityUnits" in error(dynamodb.create_table, **ATTRIBUTES, **given)[1]


def test_deletion_of_an_unknown_table_names_it(dynamodb):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html"""
    assert error(dynamodb.delete_table, TableName="u")[1] == "Requested resource not found: Table: u not found"
