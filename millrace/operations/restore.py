"""Restore the table of an event store from a table that DynamoDB restored to a point in time.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_restores.html
"""

from collections.abc import Callable, Iterator
from typing import Any

from boto3.dynamodb.table import BatchWriter

from millrace.flow.assembly import Resource
from millrace.operations import UsageError
from millrace.operations.deployed import DeployedStacks

_KEY = ("stream", "version")
_PENDING = "pending"
"""The start of `log` in events that the relay has not published."""
Item = dict[str, Any]


class EventStoreTable:
    """The table of a deployed event store, called by the id of its construct."""

    def __init__(self, deployed: DeployedStacks, store: str) -> None:
        self._client = deployed.cloud.client("dynamodb")
        self.name = deployed.name(_table(deployed, store))

    def replace_items(self, restored: str) -> dict[str, int]:
        """Delete all items, and copy those of a restored table. A second call continues after an interruption.

        The position of the last event is copied before pending events: the relay gives them the positions after it.
        """
        self._check(restored)
        return {
            "deleted": self._write("delete_item", self._items(self.name), lambda item: {"Key": _key(item)}),
            "copied": sum(self._copy(restored, pending=pending) for pending in (False, True)),
        }

    def _check(self, restored: str) -> None:
        if restored == self.name:
            raise UsageError(f"{restored} is the table of the event store: give the table that was restored from it.")
        try:
            keys = self._client.describe_table(TableName=restored)["Table"]["KeySchema"]
        except self._client.exceptions.ResourceNotFoundException as error:
            raise UsageError(f"There is no table {restored}: restore it with aws dynamodb first.") from error
        if tuple(key["AttributeName"] for key in keys) != _KEY:
            raise UsageError(f"The table {restored} is of no event store: its key is not (stream, version).")

    def _copy(self, restored: str, *, pending: bool) -> int:
        items = (item for item in self._items(restored) if _is_pending(item) is pending)
        return self._write("put_item", items, lambda item: {"Item": item})

    def _write(self, operation: str, items: Iterator[Item], arguments: Callable[[Item], dict[str, Any]]) -> int:
        count = 0
        with BatchWriter(self.name, self._client) as batch:
            for item in items:
                getattr(batch, operation)(**arguments(item))
                count += 1
        return count

    def _items(self, table: str) -> Iterator[Item]:
        for page in self._client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


def _table(deployed: DeployedStacks, store: str) -> Resource:
    """The table of the event store; its relay has the path of the construct."""
    paths = [each.facts["construct"] for each in deployed.of_kind("relay", "Lambda::Function")]
    tables = {table.path: table for table in deployed.assembly.of("DynamoDB::Table")}
    found = [path for path in paths if path.rpartition("/")[2] == store]
    if len(found) != 1:
        names = ", ".join(sorted(path.rpartition("/")[2] for path in paths)) or "none"
        raise UsageError(f"{len(found)} event stores are called {store}. There are: {names}.")
    return tables[f"{found[0]}/Table"]


def _key(item: Item) -> Item:
    return {name: item[name] for name in _KEY}


def _is_pending(item: Item) -> bool:
    return bool(item.get("log", {}).get("S", "").startswith(_PENDING))
