"""Items of moto's tables by their keys."""

import threading
from typing import Any

from millrace.local.services.dynamodb import index_partitions
from millrace.local.services.dynamodb.attribute_values import UnsupportedRequestError, parse

WRITE_LOCK = threading.RLock()
"""Held by each write and scan: moto's threads can write between a condition check and its write."""
_MAX_ITEM_BYTES = 400_000
_MAX_KEY_BYTES = 1024


class Key:
    """The key of an item, and where moto stores the item."""

    def __init__(self, table: Any, wire: dict[str, Any]) -> None:
        self.table = table
        self.partition = _key_value(table.hash_key_attr, table.hash_key_type, wire)
        self.sort = table.range_key_attr and _key_value(table.range_key_attr, table.range_key_type, wire)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the key."""
        sort = {self.table.range_key_attr: self.sort} if self.sort else {}
        return {self.table.hash_key_attr: self.partition, **sort}

    @property
    def item(self) -> Any:
        """The stored item; None if there is none."""
        found = self.table.items.get(self.partition)
        return found.get(self.sort) if found is not None and self.sort else found

    def store(self, old: Any, attributes: dict[str, Any]) -> None:
        """Store an item, and write the change to the table's stream."""
        item = _item(self.partition, self.sort, attributes)
        if self.sort:
            self.table.items[self.partition][self.sort] = item
        else:
            self.table.items[self.partition] = item
        index_partitions.replace(self.table, old, item)
        if self.table.stream_shard is not None:
            self.table.stream_shard.add(old, item)


def key_size(table: Any) -> int:
    """Return the number of attributes in the key of a table."""
    return 2 if table.range_key_attr else 1


def _key_value(name: str, kind: str, wire: dict[str, Any]) -> Any:
    value = parse(wire.get(name))
    if value.type != kind or not value.value or len(value.value) > _MAX_KEY_BYTES:
        raise UnsupportedRequestError
    return value


def _item(partition: Any, sort: Any, attributes: dict[str, Any]) -> Any:
    """Return moto's item without checking its size once per attribute, as moto does."""
    from moto.dynamodb.models.dynamo_type import Item, LimitedSizeDict

    item: Any = object.__new__(Item)
    item.hash_key, item.range_key, item.attrs = partition, sort or None, LimitedSizeDict.__new__(LimitedSizeDict)
    dict.update(item.attrs, attributes)
    if item.size() > _MAX_ITEM_BYTES:
        raise UnsupportedRequestError
    return item


def check_index_keys(table: Any, attributes: dict[str, Any]) -> None:
    """Check the attributes that are keys of the table or of an index."""
    for definition in table.attr:
        value = attributes.get(definition["AttributeName"])
        if value is not None and (
            value.type != definition["AttributeType"] or not value.value or len(value.value) > _MAX_KEY_BYTES
        ):
            raise UnsupportedRequestError
