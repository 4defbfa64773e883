"""Update and condition expressions with the caches of the local cloud."""

import re

import pytest
from botocore.exceptions import ClientError

UPDATES = [
    ("SET #name = :one, extra = if_not_exists(extra, :two)", {"name": "one", "extra": 2}),
    ("ADD stock :two REMOVE spare", {"stock": 3}),
    ("SET listed = list_append(listed, :list), deep.inside = :two", {"listed": ["a", "b"], "deep": {"inside": 2}}),
    ("SET stock = stock + :two", {"stock": 3}),
]
VALUES = {":one": "one", ":two": 2, ":list": ["b"]}
NAMES = {"#name": "name"}


@pytest.fixture
def table(empty_cloud):
    """Create an empty table."""
    empty_cloud.client("dynamodb").create_table(
        TableName="expressions",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield empty_cloud.resource("dynamodb").Table("expressions")
    empty_cloud.reset()


def put(table):
    table.put_item(Item={"id": "a", "stock": 1, "spare": "x", "listed": ["a"], "deep": {"inside": 1}})


def update(table, expression, **more):
    used = {name: value for name, value in VALUES.items() if name in expression}
    names = {"ExpressionAttributeNames": NAMES} if "#name" in expression else {}
    values = {"ExpressionAttributeValues": used} if used else {}
    request = {"UpdateExpression": expression, **names, **values, **more}
    return table.update_item(Key={"id": "a"}, ReturnValues="ALL_NEW", **request)["Attributes"]


@pytest.mark.parametrize(("expression", "changed"), UPDATES)
def test_update_returns_the_same_result_each_time(table, expression, changed):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html"""
    for _ in range(3):
        put(table)
        found = update(table, expression)
        assert {name: found[name] for name in changed} == changed
        assert ("spare" in found) == ("spare" not in expression)


@pytest.mark.parametrize("expression", ["SET stock = :two, stock = :one", "SET stock = :two SET name = :one"])
def test_invalid_update_is_rejected_each_time(table, expression):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html"""
    put(table)
    for _ in range(3):
        with pytest.raises(ClientError, match="ValidationException"):
            update(table, expression)


def test_condition_uses_the_values_of_its_call(table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html"""
    put(table)
    condition = "attribute_exists(id) AND stock = :two"
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        update(
            table, "SET spare = :one", ConditionExpression=condition, ExpressionAttributeValues={":one": 1, ":two": 2}
        )
    values = {":one": 1, ":two": 1}
    assert (
        update(table, "SET spare = :one", ConditionExpression=condition, ExpressionAttributeValues=values)["spare"] == 1
    )


def test_expression_is_parsed_once(table, monkeypatch):
    put(table)
    update(table, "SET spare = :one", ConditionExpression="attribute_exists(id)")
    compiled = []
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given) or re._compile(*given, 0))
    update(table, "SET spare = :one", ConditionExpression="attribute_exists(id)")
    assert not compiled
