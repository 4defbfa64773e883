"""Conditional writes, transactions, queries and transaction conflicts."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import Lambda


@pytest.fixture
def cups(empty_cloud):
    """Create two tables with streams; return the first."""
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


def test_only_one_concurrent_conditional_write_succeeds(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html"""

    def write(number):
        try:
            cups.put_item(Item={"id": "a", "by": number}, ConditionExpression="attribute_not_exists(id)")
        except cups.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(write, range(50))) == 1


def test_transaction_writes_all_items(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    count = {"TableName": "cups", "Key": {"id": "b"}, "UpdateExpression": "ADD held :one"}
    items = [absent("saucers", "a"), {"Update": {**count, "ExpressionAttributeValues": {":one": 1}}}]
    cups.meta.client.transact_write_items(TransactItems=items)
    assert cups.get_item(Key={"id": "b"})["Item"]["held"] == 1


def test_transaction_with_a_failed_condition_writes_nothing(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    client = cups.meta.client
    cups.put_item(Item={"id": "a"})
    with pytest.raises(client.exceptions.TransactionCanceledException) as error:
        client.transact_write_items(TransactItems=[put("saucers", "b"), absent("cups", "a")])
    assert [reason["Code"] for reason in error.value.response["CancellationReasons"]] == [
        "None",
        "ConditionalCheckFailed",
    ]
    assert client.scan(TableName="saucers")["Items"] == []


def test_transaction_rejects_two_operations_on_one_item(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    with pytest.raises(Exception, match="multiple operations on one item"):
        cups.meta.client.transact_write_items(TransactItems=[put("cups", "a"), absent("cups", "a")])


def test_transaction_that_fails_during_a_write_is_rolled_back(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    wrong = {"TableName": "cups", "Key": {"id": "b"}, "UpdateExpression": "SET held = absent + :one"}
    items = [put("cups", "a"), {"Update": {**wrong, "ExpressionAttributeValues": {":one": 1}}}]
    with pytest.raises(Exception, match="ValidationException"):
        cups.meta.client.transact_write_items(TransactItems=items)
    assert cups.scan()["Items"] == []


@pytest.fixture
def racks(empty_cloud):
    """Create a table of numbered cups on racks, with an index by colour."""
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
    ("condition", "index", "found"),
    [("rack = :k", {}, ["a1", "a2", "a3"]), ("colour = :k AND #n > :n", {"IndexName": "by_colour"}, ["b2", "b3"])],
    ids=["table", "index"],
)
def test_query_returns_items_of_its_key_in_order(racks, condition, index, found):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.html"""
    if index:
        index = {**index, "ExpressionAttributeNames": {"#n": "number"}}
    values = {":k": "blue", ":n": 1} if index else {":k": "a"}
    answer = racks.query(KeyConditionExpression=condition, ExpressionAttributeValues=values, **index)
    assert [f"{item['rack']}{item['number']}" for item in answer["Items"]] == found


@pytest.fixture
def function_client(cups, empty_cloud):
    """Return a DynamoDB client with the credentials of a function's role."""
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
    region = empty_cloud.region
    keys = empty_cloud.on_loop(lambda: region.service(Iam).access.credentials(region.service(Lambda).find("clerk")))
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
def test_conflicting_write_is_rejected_and_not_retried_by_the_sdk(
    cups, empty_cloud, function_client, operation, arguments
):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling

    Differs: conflicts occur only for requests of functions, at the rate of `cloud.fail(conflicts=…)`.
    """
    empty_cloud.fail(seed=1, conflicts=1)
    with pytest.raises(function_client.exceptions.TransactionConflictException) as rejected:
        getattr(function_client, operation)(**arguments)
    assert rejected.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert cups.scan()["Items"] == []


@pytest.mark.parametrize(("operation", "items"), [("transact_write_items", TRANSACTION), ("transact_get_items", READ)])
def test_conflicting_transaction_is_canceled_and_not_retried_by_the_sdk(
    cups, empty_cloud, function_client, operation, items
):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling

    Differs: conflicts occur only for requests of functions, at the rate of `cloud.fail(conflicts=…)`.
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


def test_conflicts_depend_on_the_seed_and_affect_functions_only(cups, empty_cloud, function_client):
    def conflicts():
        empty_cloud.fail(seed=7, conflicts=0.3)
        return [_conflicts(function_client) for _ in range(20)]

    first = conflicts()
    assert first == conflicts()
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
