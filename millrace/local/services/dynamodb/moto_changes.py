"""Changes to moto's DynamoDB tables and their streams."""

import copy
import functools
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace, replace_attribute
from millrace.local.services.dynamodb import index_partitions
from millrace.local.services.dynamodb.attribute_values import item_bytes
from millrace.local.services.dynamodb.item_keys import WRITE_LOCK
from millrace.local.services.dynamodb.service import DynamoDb
from millrace.local.services.dynamodb.transactions import transact_write_items

RegionOf = Callable[..., AccountRegion]
_WRITES = (
    "put_item",
    "update_item",
    "delete_item",
    "batch_write_item",
    "transact_write_items",
    "execute_statement",
    "execute_transaction",
    "batch_execute_statement",
)
_READS = ("query", "scan")
_EMPTY_KEY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string "
    "value. Key: {}"
)


def apply(region: RegionOf) -> None:
    """Apply every change."""
    _use_clock(region)
    _disable_push()
    _report_items(region)
    _complete_answers()
    _serialize_writes()
    _make_transactions_atomic()
    _narrow_queries()


def _use_clock(region: RegionOf) -> None:
    """Use the clock of the local cloud, which skips idle time."""
    from moto.dynamodb.models import table

    def utcnow() -> datetime:
        return region().clock.datetime().replace(tzinfo=None)

    replace(table, "utcnow", utcnow)


def _disable_push() -> None:
    """Disable moto's delivery to a function, which also empties the shard: the local cloud polls as Lambda does."""
    from moto.dynamodb.models.table import Table

    replace_attribute(Table, "lambda_event_source_mappings", property(lambda _: {}, lambda _, __: None))


def _report_items(region: RegionOf) -> None:
    """Report each change to the pollers of the table's stream; a write without a change creates no record.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    """
    from moto.dynamodb.models.table import StreamShard

    add_by_moto = StreamShard.add

    def add(shard: Any, old: Any, new: Any) -> None:
        if old is not None and new is not None and old.to_json() == new.to_json():
            return
        add_by_moto(shard, old, new)
        table = shard.table
        _complete(shard.items[-1].record, table.region_name)
        owner = region(table.table_arn)
        owner.service(DynamoDb).charge(table, old, new)
        owner.source_changed(f"{table.table_arn}/stream/{table.latest_stream_label}", "change of an item")

    replace(StreamShard, "add", add)


def _complete(record: dict[str, Any], region: str) -> None:
    """Correct the version, Region and size of a stream record; moto's size is that of its JSON.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
    """
    change = record["dynamodb"]
    images = [change[name] for name in ("Keys", "NewImage", "OldImage") if name in change]
    change["SizeBytes"] = sum(map(item_bytes, images))
    record |= {"eventVersion": "1.1", "awsRegion": region}


def _complete_answers() -> None:
    """Omit what a table or a request does not have: moto shows empty indexes, a billing mode and capacity always."""
    from moto.dynamodb import responses
    from moto.dynamodb.models.table import Table

    describe_by_moto, check_by_moto = Table.describe, responses.validate_put_has_empty_keys
    batch_by_moto = responses.DynamoHandler.batch_write_item

    def describe(table: Any, base_key: str = "TableDescription") -> dict[str, Any]:
        found = describe_by_moto(table, base_key)
        shown = {
            name: value for name, value in found[base_key].items() if value != [] or name == "AttributeDefinitions"
        }
        if table.billing_mode == "PROVISIONED":
            del shown["BillingModeSummary"]
        identity = table.__dict__.setdefault("millrace_id", str(uuid.uuid4()))
        return {base_key: {**shown, "TableId": identity}}

    def check_keys(field_updates: dict[str, Any], table: Any, custom_error_msg: str | None = None) -> None:
        check_by_moto(field_updates, table, custom_error_msg or _EMPTY_KEY)

    def batch_write_item(handler: Any) -> Any:
        answer = batch_by_moto(handler)
        for name in ("ItemCollectionMetrics", "ConsumedCapacity"):
            if handler.body.get(f"Return{name}", "NONE") == "NONE":
                answer.result.pop(name)
        return answer

    replace(Table, "describe", describe)
    replace(responses, "validate_put_has_empty_keys", check_keys)
    replace(responses.DynamoHandler, "batch_write_item", batch_write_item)


def _serialize_writes() -> None:
    """Run writes and scans one at a time."""
    from moto.dynamodb.responses import DynamoHandler

    def locked(operation: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(operation)
        def run(*args: Any, **kwargs: Any) -> Any:
            with WRITE_LOCK:
                try:
                    return operation(*args, **kwargs)
                finally:
                    if operation.__name__ in _WRITES:
                        index_partitions.clear()

        return run

    for name in (*_WRITES, *_READS):
        replace(DynamoHandler, name, locked(getattr(DynamoHandler, name)))


def _make_transactions_atomic() -> None:
    """Check every condition before writing: moto copies whole tables, and their streams show writes that it undoes."""
    from moto.dynamodb.models import DynamoDBBackend

    replace(DynamoDBBackend, "transact_write_items", transact_write_items)


def _narrow_queries() -> None:
    """Query only the items with the partition key; moto sorts the whole table."""
    from moto.dynamodb.models import Table

    query_by_moto = Table.query

    def query(table: Any, hash_key: Any, *args: Any, **kwargs: Any) -> Any:
        index_name, conditions = args[6], kwargs.get("hash_key_conditions") or []
        narrow = copy.copy(table)
        if index_name and conditions:
            narrow.items = index_partitions.items_of(table, *conditions[0])
        elif not index_name:
            narrow.items = {hash_key: table.items[hash_key]} if hash_key in table.items else {}
        return query_by_moto(narrow, hash_key, *args, **kwargs)

    replace(Table, "query", query)
