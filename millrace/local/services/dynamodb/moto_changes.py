"""Changes to moto's DynamoDB tables and their streams."""

import copy
import functools
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.dynamodb import expressions
from millrace.local.services.dynamodb.service import DynamoDb
from millrace.local.services.dynamodb.transactions import transact_write_items

RegionOf = Callable[..., AccountRegion]
_LOCKED = ("put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items", "query", "scan")


def apply(region: RegionOf) -> None:
    """Apply every change."""
    expressions.apply()
    _use_clock(region)
    _disable_push()
    _report_items(region)
    _serialize_writes()
    _make_transactions_atomic()
    _narrow_queries()


def _use_clock(region: RegionOf) -> None:
    """Use the clock of the local cloud, which skips idle time."""
    from moto.dynamodb.models import table  # noqa: PLC0415

    def utcnow() -> datetime:
        return region().clock.datetime().replace(tzinfo=None)

    table.utcnow = utcnow


def _disable_push() -> None:
    """Disable moto's delivery to a function, which also empties the shard: the local cloud polls as Lambda does."""
    from moto.dynamodb.models.table import Table  # noqa: PLC0415

    Table.lambda_event_source_mappings = property(lambda _: {}, lambda _, __: None)


def _report_items(region: RegionOf) -> None:
    """Report each change to the pollers of the table's stream; a write without a change creates no record.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    """
    from moto.dynamodb.models.table import StreamShard  # noqa: PLC0415

    add_by_moto = StreamShard.add

    def add(shard: Any, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.to_json() == new.to_json():
            return
        add_by_moto(shard, old, new)
        table = shard.table
        owner = region(table.table_arn)
        owner.service(DynamoDb).charge(table, old, new)
        owner.source_changed(f"{table.table_arn}/stream/{table.latest_stream_label}", "change of an item")

    StreamShard.add = add


def _serialize_writes() -> None:
    """Run writes and scans one at a time: moto's threads can write between a condition check and its write."""
    from moto.dynamodb.responses import DynamoHandler  # noqa: PLC0415

    lock = threading.RLock()

    def locked(operation: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(operation)
        def run(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return operation(*args, **kwargs)

        return run

    for name in _LOCKED:
        setattr(DynamoHandler, name, locked(getattr(DynamoHandler, name)))


def _make_transactions_atomic() -> None:
    """Check every condition before writing: moto copies whole tables, and their streams show writes that it undoes."""
    from moto.dynamodb.models import DynamoDBBackend  # noqa: PLC0415

    DynamoDBBackend.transact_write_items = transact_write_items


def _narrow_queries() -> None:
    """Query only the items with the partition key; moto sorts the whole table."""
    from moto.dynamodb.models import Table  # noqa: PLC0415

    query_by_moto = Table.query

    def query(table: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
        index_name, conditions = args[6], kwargs.get("hash_key_conditions") or []
        narrow = copy.copy(table)
        narrow.items = _items_of_index(table, conditions) if index_name else _items_of_key(table, hash_key)
        return query_by_moto(narrow, hash_key, *args, **kwargs)

    Table.query = query


def _items_of_key(table: Any, hash_key: Any) -> dict[Any, Any]:
    return {hash_key: table.items[hash_key]} if hash_key in table.items else {}


def _items_of_index(table: Any, conditions: list[tuple[str, Any]]) -> dict[Any, Any]:
    def matches(item: Any) -> bool:
        return all(name in item.attrs and item.attrs[name] == value for name, value in conditions)

    if table.range_key_attr is None:
        return {key: item for key, item in table.items.items() if matches(item)}
    narrow = {key: {sort: item for sort, item in items.items() if matches(item)} for key, items in table.items.items()}
    return {key: items for key, items in narrow.items() if items}
