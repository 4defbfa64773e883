"""Tables: a write and its condition are one, and so is a transaction."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import boto3
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


@pytest.fixture
def function_client(cups, empty_cloud):
    """DynamoDB as a function calls it, with the credentials of its role."""
    statement = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    policy, packed = json.dumps({"Version": "2012-10-17", "Statement": [statement]}), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "")
    iam = empty_cloud.client("iam")
    role = iam.create_role(RoleName="clerk", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    iam.put_role_policy(RoleName="clerk", PolicyName="own", PolicyDocument=policy)
    empty_cloud.client("lambda").create_function(
        FunctionName="clerk", Runtime="python3.13", Role=role, Handler="app.f", Code={"ZipFile": packed.getvalue()}
    )
    plane = empty_cloud.plane
    keys = empty_cloud.on_plane(lambda: plane.access.credentials(plane.functions.find("clerk")))
    return boto3.client(
        "dynamodb",
        endpoint_url=empty_cloud.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys.get("AWS_SESSION_TOKEN"),
    )


TRANSACTION = [{"Put": {"TableName": name, "Item": {"id": {"S": "a"}}}} for name in ("cups", "saucers")]
READ = [{"Get": {"TableName": name, "Key": {"id": {"S": "a"}}}} for name in ("cups", "saucers")]


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("put_item", {"TableName": "cups", "Item": {"id": {"S": "a"}}}),
        ("update_item", {"TableName": "cups", "Key": {"id": {"S": "a"}}}),
        ("delete_item", {"TableName": "cups", "Key": {"id": {"S": "a"}}}),
    ],
)
def test_a_write_of_an_item_in_an_ongoing_transaction_is_rejected_and_not_retried_by_the_sdk(
    cups, empty_cloud, function_client, operation, arguments
):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling

    Differs: conflicts are drawn by `cloud.fail(conflicts=…)`, for requests of functions; there are no others.
    """
    empty_cloud.fail(seed=1, conflicts=1)
    with pytest.raises(function_client.exceptions.TransactionConflictException) as rejected:
        getattr(function_client, operation)(**arguments)
    assert rejected.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert cups.scan()["Items"] == []


@pytest.mark.parametrize(("operation", "items"), [("transact_write_items", TRANSACTION), ("transact_get_items", READ)])
def test_a_transaction_that_conflicts_is_canceled_with_the_reason_of_its_item_and_not_retried_by_the_sdk(
    cups, empty_cloud, function_client, operation, items
):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling

    Differs: conflicts are drawn by `cloud.fail(conflicts=…)`, for requests of functions; there are no others.
    """
    empty_cloud.fail(seed=1, conflicts=1)
    with pytest.raises(function_client.exceptions.TransactionCanceledException) as canceled:
        getattr(function_client, operation)(TransactItems=items)
    codes = [reason["Code"] for reason in canceled.value.response["CancellationReasons"]]
    assert (sorted(codes), canceled.value.response["ResponseMetadata"]["RetryAttempts"]) == (
        ["None", "TransactionConflict"],
        0,
    )
    assert cups.scan()["Items"] == []


def test_conflicts_are_drawn_by_seed_and_for_functions_alone(cups, empty_cloud, function_client):
    def drawn():
        empty_cloud.fail(seed=7, conflicts=0.3)
        return [_conflicts(function_client) for _ in range(20)]

    first = drawn()
    assert first == drawn()
    assert 0 < sum(first) < 20
    empty_cloud.fail("another", seed=7, conflicts=1)
    assert not _conflicts(function_client)
    empty_cloud.fail(seed=7, conflicts=1)
    assert not _conflicts(cups.meta.client, "a")


def _conflicts(client, key=None):
    try:
        client.put_item(TableName="cups", Item={"id": key or {"S": "a"}})
    except client.exceptions.TransactionConflictException:
        return True
    return False
