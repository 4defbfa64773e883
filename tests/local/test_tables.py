"""Tables: a write and its condition are one, and so is a transaction."""

from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def cups(empty_cloud):
    """An empty table with a stream, and a second one beside it."""
    for name in ("cups", "saucers"):
        empty_cloud.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
    yield empty_cloud.resource("dynamodb").Table("cups")
    empty_cloud.reset()


def put(name, key, **condition):
    return {"Put": {"TableName": name, "Item": {"id": key}, **condition}}


def absent(name, key):
    return put(name, key, ConditionExpression="attribute_not_exists(id)")


def test_of_many_conditional_writes_at_once_one_holds(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html"""

    def write(number):
        try:
            cups.put_item(Item={"id": "a", "by": number}, ConditionExpression="attribute_not_exists(id)")
        except cups.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(write, range(50))) == 1


def test_a_transaction_writes_all_of_its_items(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    count = {"TableName": "cups", "Key": {"id": "b"}, "UpdateExpression": "ADD held :one"}
    items = [absent("saucers", "a"), {"Update": {**count, "ExpressionAttributeValues": {":one": 1}}}]
    cups.meta.client.transact_write_items(TransactItems=items)
    assert cups.get_item(Key={"id": "b"})["Item"]["held"] == 1


def test_a_transaction_of_which_one_condition_fails_writes_nothing_and_says_which(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    client = cups.meta.client
    cups.put_item(Item={"id": "a"})
    with pytest.raises(client.exceptions.TransactionCanceledException) as refused:
        client.transact_write_items(TransactItems=[put("saucers", "b"), absent("cups", "a")])
    assert [reason["Code"] for reason in refused.value.response["CancellationReasons"]] == [
        "None",
        "ConditionalCheckFailed",
    ]
    assert client.scan(TableName="saucers")["Items"] == []


def test_a_transaction_names_an_item_once(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    with pytest.raises(Exception, match="multiple operations on one item"):
        cups.meta.client.transact_write_items(TransactItems=[put("cups", "a"), absent("cups", "a")])


def test_a_transaction_that_fails_while_it_writes_leaves_all_as_it_was(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    wrong = {"TableName": "cups", "Key": {"id": "b"}, "UpdateExpression": "SET held = absent + :one"}
    items = [put("cups", "a"), {"Update": {**wrong, "ExpressionAttributeValues": {":one": 1}}}]
    with pytest.raises(Exception, match="ValidationException"):
        cups.meta.client.transact_write_items(TransactItems=items)
    assert cups.scan()["Items"] == []


@pytest.fixture
def racks(empty_cloud):
    """Numbered cups on racks, with an index by colour."""
    kinds = {"rack": "S", "number": "N", "colour": "S"}
    by_colour = [{"AttributeName": "colour", "KeyType": "HASH"}, {"AttributeName": "number", "KeyType": "RANGE"}]
    empty_cloud.client("dynamodb").create_table(
        TableName="racks",
        KeySchema=[{"AttributeName": "rack", "KeyType": "HASH"}, {"AttributeName": "number", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()],
        GlobalSecondaryIndexes=[
            {"IndexName": "by_colour", "KeySchema": by_colour, "Projection": {"ProjectionType": "ALL"}}
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    table = empty_cloud.resource("dynamodb").Table("racks")
    for number in (3, 1, 2):
        table.put_item(Item={"rack": "a", "number": number, "colour": "red"})
        table.put_item(Item={"rack": "b", "number": number, "colour": "blue"})
    yield table
    empty_cloud.reset()


@pytest.mark.parametrize(
    ("wanted", "more", "found"),
    [("rack = :k", {}, ["a1", "a2", "a3"]), ("colour = :k AND #n > :n", {"IndexName": "by_colour"}, ["b2", "b3"])],
    ids=["of a table", "of an index"],
)
def test_a_query_finds_the_items_of_its_key_in_order(racks, wanted, more, found):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html"""
    if more:
        more = {**more, "ExpressionAttributeNames": {"#n": "number"}}
    values = {":k": "blue", ":n": 1} if more else {":k": "a"}
    answer = racks.query(KeyConditionExpression=wanted, ExpressionAttributeValues=values, **more)
    assert [f"{item['rack']}{item['number']}" for item in answer["Items"]] == found
