"""Requests to DynamoDB that conflict with a transaction are retried, and handlers do not run twice for it."""

import boto3
import pytest
from botocore.exceptions import ClientError

from millrace.events import Event, Metadata
from millrace.runtime import dynamodb, update_once, write_if
from millrace.runtime.dynamodb_records import DynamoDBRecords
from millrace.runtime.idempotency import Once
from millrace.runtime.records import Result

KEY = ("test", "Poured", "event-1")
OTHER = ("test", "Poured", "event-2")


class Poured(Event, source="test.pub"):
    cup: str


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The pauses between attempts, which take no time."""
    made = []
    monkeypatch.setattr(dynamodb.time, "sleep", made.append)
    return made


@pytest.fixture
def client(marks):
    return boto3.client("dynamodb", region_name="eu-central-2")


@pytest.fixture
def stored(marks, client, monkeypatch):
    """The records of a function in a table."""
    records = DynamoDBRecords(table=marks.name, scope="Shop/Pour", seconds=60, client=client)
    monkeypatch.setattr("millrace.runtime.idempotency.records", lambda: records)
    return records


def conflict(client, operation, times=1):
    """Let so many of the next requests of an operation conflict, as AWS rejects them."""
    left = [None] * times

    def reject(**_):
        if left:
            left.pop()
            raise ClientError(error, operation)

    code, reasons = "TransactionConflictException", {}
    if operation == "TransactWriteItems":
        code, reasons = "TransactionCanceledException", [{"Code": "TransactionConflict"}, {"Code": "None"}]
        reasons = {"CancellationReasons": reasons}
    error = {"Error": {"Code": code}, **reasons}
    client.meta.events.register(f"before-call.dynamodb.{operation}", reject)
    return left


@pytest.mark.parametrize(
    ("operation", "keys"), [("PutItem", [KEY]), ("UpdateItem", [KEY]), ("TransactWriteItems", [KEY, OTHER])]
)
def test_a_handler_runs_once_although_a_write_of_its_record_conflicts(stored, client, operation, keys):
    runs = []
    left = conflict(client, operation)
    for _ in range(2):
        Once(lambda _: None).do(keys, 0, lambda new: runs.append(new) or [])
    assert (runs, left) == ([keys], [])


def test_a_record_is_deleted_and_the_error_raised_although_the_delete_conflicts(stored, client):
    conflict(client, "DeleteItem")
    with pytest.raises(ZeroDivisionError):
        Once(lambda _: None).do([KEY], 60_000, lambda _: 1 / 0)
    assert stored.begin(KEY, 1000) is None


def test_a_long_answer_is_stored_although_a_write_of_its_parts_conflicts(stored, client):
    long = Result([{"source": "a" * 400_000}], published=False)
    stored.begin(KEY, 0)
    conflict(client, "PutItem")
    stored.save([KEY], long)
    assert stored.begin(KEY, 0) == long


def test_a_conditional_write_is_retried_when_it_conflicts(table):
    cups = table("cup")
    conflict(cups.meta.client, "PutItem")
    assert write_if(cups.put_item, Item={"cup": "blue"}, ConditionExpression="attribute_not_exists(cup)")


def test_an_update_that_conflicts_is_made_once(marks, table, pauses):
    cups, event = table("cup"), Poured(cup="blue").stamped(Metadata.root(producer="test"))
    conflict(cups.meta.client, "TransactWriteItems", times=3)
    add = {"UpdateExpression": "ADD drunk :one", "ExpressionAttributeValues": {":one": 1}}
    for _ in range(2):
        item = update_once(cups, event, Key={"cup": "blue"}, **add)
    assert (item["drunk"], len(pauses)) == (1, 3)


def test_a_request_that_never_stops_to_conflict_raises_after_eight_attempts(client, pauses):
    left = conflict(client, "PutItem", times=100)
    with pytest.raises(ClientError, match="TransactionConflictException"):
        dynamodb.retried(client.put_item, TableName="any", Item={"id": {"S": "a"}})
    assert (100 - len(left), len(pauses)) == (dynamodb.ATTEMPTS, dynamodb.ATTEMPTS - 1)


def test_another_error_is_not_retried(client, pauses):
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        dynamodb.retried(client.put_item, TableName="absent", Item={"id": {"S": "a"}})
    assert pauses == []
