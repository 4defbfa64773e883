"""Speed views, batch views, and the query that merges both.

All are items of one table with the key `id`, `generation`: the current generation, the generation of each event, speed
views by day and generation, and the batch view of each day.
"""

import time
from collections.abc import Mapping
from datetime import date
from typing import Any

from millrace.events import Event
from millrace.runtime.dynamodb import pages, retried
from millrace.runtime.environment import client, table_called
from millrace.runtime.layers.archive import Archive
from millrace.runtime.stores import resource_name, write_if

Amounts = dict[str, int]
"""Totals of a view, such as `{"orders": 3, "cents": 12900}`."""
REMEMBERED_SECONDS = 20 * 86_400
"""How long a repeated delivery of an event is recognized: 1 day in a rule, 4 in a queue, 14 in a dead-letter queue."""
_STATE = {"id": "$state", "generation": 0}
_FIRST = 1


class SpeedView:
    """Archives events, and counts those that no batch has covered yet. A parameter of a processor.

    Events with the same idempotency key must not be recorded concurrently: a @processor that is not `repeatable` sees
    to that.
    """

    def __init__(self, table: Any, archive: Archive) -> None:
        self._table = table
        self._archive = archive

    def record(self, event: Event, *, day: date, data: Mapping[str, Any], amounts: Amounts) -> None:
        """Archive `data` of an event, and add `amounts` to the view of its day. Recording it again changes nothing."""
        key, own_day = event.metadata.key, day.isoformat()
        generation = self._assign(key, own_day)
        self._archive.put(own_day, generation, key, data)
        self._count(key, own_day, generation, amounts)

    def _assign(self, event_id: str, day: str) -> int:
        """Return the generation of an event: its own, unless that is closed without the event."""
        current = int(_item(self._table, _STATE).get("current", _FIRST))
        key = {"id": f"event#{event_id}", "generation": 0}
        item = {**key, "assigned": current, "expiration": int(time.time()) + REMEMBERED_SECONDS}
        if write_if(self._table.put_item, Item=item, ConditionExpression="attribute_not_exists(id)") is not None:
            return current
        own = int(_item(self._table, key).get("assigned", current))
        if own == current or self._archive.has(day, own, event_id):
            return own
        retried(
            self._table.update_item,
            Key=key,
            UpdateExpression="SET assigned = :current",
            ExpressionAttributeValues={":current": current},
        )
        return current

    def _count(self, event_id: str, day: str, generation: int, amounts: Amounts) -> None:
        mark = {
            "Key": {"id": f"event#{event_id}", "generation": 0},
            "UpdateExpression": "SET counted = :yes",
            "ConditionExpression": "attribute_not_exists(counted)",
            "ExpressionAttributeValues": {":yes": True},
        }
        total = {
            "Key": {"id": f"speed#{day}", "generation": generation},
            "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in amounts),
            "ExpressionAttributeNames": {f"#{name}": name for name in amounts},
            "ExpressionAttributeValues": {f":{name}": amount for name, amount in amounts.items()},
        }
        table_client = self._table.meta.client
        updates = [{"Update": {"TableName": self._table.name, **each}} for each in (mark, total)]
        try:
            retried(table_client.transact_write_items, TransactItems=updates)
        except table_client.exceptions.TransactionCanceledException as error:
            if error.response["CancellationReasons"][0].get("Code") != "ConditionalCheckFailed":
                raise


class ServingView:
    """Merges batch views and speed views. A parameter of a query or of a processor."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def of(self, day: date) -> Amounts:
        """Return the totals of a day: the batch view, and the speed views of the generations after it.

        The batch view is read first, so a batch that is stored in between is not counted twice.
        """
        batch = self._batch(day)
        request = {
            "KeyConditionExpression": "id = :day AND generation > :covered",
            "ExpressionAttributeValues": {":day": f"speed#{day.isoformat()}", ":covered": batch.get("covered", 0)},
            "ConsistentRead": True,
        }
        total: Amounts = {name: int(amount) for name, amount in batch.get("amounts", {}).items()}
        for view in pages(self._table.query, **request):
            for name in view.keys() - {"id", "generation"}:
                total[name] = total.get(name, 0) + int(view[name])
        return total

    def has_batch(self, day: date) -> bool:
        """Whether a batch has computed a view of a day."""
        return bool(self._batch(day))

    def _batch(self, day: date) -> dict[str, Any]:
        return _item(self._table, {"id": f"batch#{day.isoformat()}", "generation": 0})


class BatchRuns:
    """Closes generations, and stores the views of a batch run. `archive` contains its events."""

    def __init__(self, table: Any, archive: Archive) -> None:
        self._table = table
        self.archive = archive

    def close(self) -> int:
        """Close the current generation, and return it. Wait longer than the writers' timeout before you list it."""
        answer = self._table.update_item(
            Key=_STATE,
            UpdateExpression="SET #current = if_not_exists(#current, :first) + :one",
            ExpressionAttributeNames={"#current": "current"},
            ExpressionAttributeValues={":first": _FIRST, ":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["current"]) - 1

    def store(self, run: int, day: str, amounts: Amounts) -> bool:
        """Let queries use the view of a day, which counts the generations until `run`. False if a later one exists."""
        item = {"id": f"batch#{day}", "generation": 0, "covered": run, "amounts": amounts}
        written = write_if(
            self._table.put_item,
            Item=item,
            ConditionExpression="attribute_not_exists(covered) OR covered <= :run",
            ExpressionAttributeValues={":run": run},
        )
        return written is not None


def speed_variable(parameter: str) -> str:
    """Return the environment variable with the table and the bucket of a parameter's speed view."""
    return f"MILLRACE_SPEED_{parameter.upper()}"


def serving_variable(parameter: str) -> str:
    """Return the environment variable with the table of a parameter's serving view."""
    return f"MILLRACE_SERVING_{parameter.upper()}"


def open_view(parameter: str, kind: str) -> SpeedView | ServingView:
    """Return the view of a parameter of the type `kind`. Raises LookupError if the construct has none."""
    if kind == SpeedView.__name__:
        return SpeedView(*table_and_archive(resource_name(speed_variable(parameter), parameter)))
    return ServingView(table_called(resource_name(serving_variable(parameter), parameter)))


def table_and_archive(address: str) -> tuple[Any, Archive]:
    """Return the table and the archive of an address, `table/bucket`."""
    table, _, bucket = address.partition("/")
    return table_called(table), Archive(client("s3"), bucket)


def _item(table: Any, key: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = table.get_item(Key=key, ConsistentRead=True).get("Item", {})
    return found
