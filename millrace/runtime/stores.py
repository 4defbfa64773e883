"""DynamoDB tables as parameters of a handler, and writes that are safe to repeat."""

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

from millrace.events import Event
from millrace.runtime.dynamodb import retried
from millrace.runtime.environment import required, table_called
from millrace.runtime.idempotency import SECONDS, TABLE, setting
from millrace.runtime.records import scope


class Table(Protocol):
    """A DynamoDB table, with the methods of the boto3 resource, as a parameter of a handler.

    `def handler(order: OrderCompleted, points: Table)` receives the table that its construct passes as `points`. A test
    passes its own. https://docs.aws.amazon.com/boto3/latest/reference/services/dynamodb/table/index.html
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
    """Return the environment variable with the name of a parameter's table."""
    return f"MILLRACE_TABLE_{parameter.upper()}"


def open_table(parameter: str) -> Table:
    """Return the table of a parameter. Raises LookupError if the construct has none."""
    return cast("Table", table_called(resource_name(table_variable(parameter), parameter)))


def resource_name(variable: str, parameter: str) -> str:
    """Return the name of a parameter's table or store. Raises LookupError if the construct has none."""
    return required(variable, f"give the construct tables={{{parameter!r}: …}}.")


def write_if(write: Callable[..., Any], **request: Any) -> Any | None:
    """Make a conditional write: `write_if(points.update_item, Key=…, ConditionExpression=…)`.

    Returns the response of DynamoDB, or None if the condition is false. Retries a write that conflicts with a
    transaction.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
    """
    try:
        return retried(write, **request)
    except Exception as error:
        response = getattr(error, "response", {})  # botocore's ClientError, which a test has no need to load
        if response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise
        return None


def update_once(table: Table, event: Event, *, Key: dict[str, Any], **update: Any) -> Any:  # noqa: N803 - boto3's own
    """Update an item once for an event, although the event can be delivered again.

    `update_once(points, order, Key=…, UpdateExpression="ADD balance :earned", …)` returns the updated item, or None if
    a condition of the update is false. If the item was deleted since, only its key is returned, so read attributes with
    a default: `item.get("balance", 0)`.

    The update and a marker for it are written in one transaction. A second update of the same item for the same event
    is skipped, so write all changes in one expression.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
    """
    mark = {"TableName": setting(TABLE), "Item": _mark(table, event, Key)}
    mark["ConditionExpression"] = "attribute_not_exists(id)"
    reasons = _transact(table, [{"Put": mark}, {"Update": {"TableName": table.name, "Key": Key, **update}}])
    if reasons and reasons[0] != "ConditionalCheckFailed":
        return None
    return table.get_item(Key=Key, ConsistentRead=True).get("Item", dict(Key))


def _mark(table: Table, event: Event, key: dict[str, Any]) -> dict[str, Any]:
    what = [event.contract.source, event.contract.detail_type, event.metadata.key, table.name, key]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()
    return {"id": f"{scope()}#once#{digest}", "expiration": int(time.time()) + int(setting(SECONDS))}


def _transact(table: Table, items: list[dict[str, Any]]) -> list[str]:
    """Write all items or none. Returns an empty list, or the cancellation reason of each item."""
    client = table.meta.client
    try:
        retried(client.transact_write_items, TransactItems=items)
    except client.exceptions.TransactionCanceledException as canceled:
        reasons = [reason["Code"] for reason in canceled.response["CancellationReasons"]]
        if not set(reasons) <= {"None", "ConditionalCheckFailed"}:
            raise
        return reasons
    return []
