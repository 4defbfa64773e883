"""What a handler may take besides events: the stores that its construct names."""

import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol, cast

from millrace.events import Event
from millrace.runtime.dynamodb import retried
from millrace.runtime.idempotency import SECONDS, TABLE, named, scope


class Table(Protocol):
    """A DynamoDB table, as boto3's resource gives it; a parameter of this type names it.

    `def handler(order: OrderCompleted, points: Table)` is given the table that the construct calls `points`. A test
    hands in its own. https://docs.aws.amazon.com/boto3/latest/reference/services/dynamodb/table/index.html
    """

    @property
    def name(self) -> str:
        """As boto3's."""

    @property
    def meta(self) -> Any:
        """As boto3's."""

    def get_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def put_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def update_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def delete_item(self, **kwargs: Any) -> Any:
        """As boto3's."""

    def query(self, **kwargs: Any) -> Any:
        """As boto3's."""


def table_variable(parameter: str) -> str:
    """The environment variable that holds the name of the table a parameter asks for."""
    return f"MILLRACE_TABLE_{parameter.upper()}"


def open_table(parameter: str) -> Table:
    """The table of a parameter. Raises LookupError if the construct names none."""
    return cast("Table", open_named(table_variable(parameter), parameter))


def open_named(variable: str, parameter: str) -> Any:
    """The table that an environment variable names, as boto3's resource. Raises LookupError if it is not set."""
    return table_called(named_in(variable, parameter))


def named_in(variable: str, parameter: str) -> str:
    """What the construct names for a parameter. Raises LookupError if it names nothing."""
    if variable not in os.environ:
        raise LookupError(f"{variable} is not set: give the construct tables={{{parameter!r}: …}}.")
    return os.environ[variable]


@cache
def table_called(name: str) -> Any:
    """The table of a name, as boto3's resource."""
    import boto3  # noqa: PLC0415 - a handler without a table need not wait for boto3

    return boto3.resource("dynamodb").Table(name)


def write_if(write: Callable[..., Any], **request: Any) -> Any | None:
    """Make a write that has a condition: `write_if(points.update_item, Key=…, ConditionExpression=…)`.

    Gives DynamoDB's answer, or None where the condition does not hold. Retries a write that conflicts with a
    transaction.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
    """
    try:
        return retried(write, **request)
    except Exception as error:
        answer = getattr(error, "response", {})  # botocore's ClientError, which a test has no need to load
        if answer.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise
        return None


def update_once(table: Table, event: Event, *, Key: dict[str, Any], **update: Any) -> Any:  # noqa: N803 - boto3's own
    """Update an item once for an event, however often that is delivered, and whatever is killed in between.

    `update_once(points, order, Key=…, UpdateExpression="ADD balance :earned", …)` gives the item as it is then, or
    None where a condition of the update does not hold. Of an item that was deleted since it gives the key alone, so
    read an attribute with a default: `item.get("balance", 0)`.

    The update and a mark that it was made are one transaction; a second one of the same item for the same event is not
    made, so write both in one expression.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
    """
    mark = {"TableName": named(TABLE), "Item": _mark(table, event, Key)}
    mark["ConditionExpression"] = "attribute_not_exists(id)"
    reasons = _transact(table, [{"Put": mark}, {"Update": {"TableName": table.name, "Key": Key, **update}}])
    if reasons and reasons[0] != "ConditionalCheckFailed":
        return None
    return table.get_item(Key=Key, ConsistentRead=True).get("Item", dict(Key))


def _mark(table: Table, event: Event, key: dict[str, Any]) -> dict[str, Any]:
    what = [event.contract.source, event.contract.detail_type, event.metadata.key, table.name, key]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
    return {"id": f"{scope()}#once#{digest}", "expiration": int(time.time()) + int(named(SECONDS))}


def _transact(table: Table, items: list[dict[str, Any]]) -> list[str]:
    """Write all or nothing. Gives why nothing was written, as a code for each item."""
    client = table.meta.client
    try:
        retried(client.transact_write_items, TransactItems=items)
    except client.exceptions.TransactionCanceledException as cancelled:
        reasons = [reason["Code"] for reason in cancelled.response["CancellationReasons"]]
        if not set(reasons) <= {"None", "ConditionalCheckFailed"}:
            raise
        return reasons
    return []
