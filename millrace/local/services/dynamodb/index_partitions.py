"""The items of an index partition, found without reading the whole table."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

Items = dict[Any, Any]
_ItemId = tuple[Any, Any]
_Partitions = dict[Any, dict[_ItemId, Any]]
"""By the value of the index's partition key, the items by their own key."""

_generations = itertools.count()
_generation = next(_generations)
_tables: WeakKeyDictionary[Any, tuple[int, dict[str, _Partitions]]] = WeakKeyDictionary()


def clear() -> None:
    """Build every partition anew when it is read next: moto has written items by itself."""
    global _generation  # noqa: PLW0603 - moto's tables live in the process as well
    _generation = next(_generations)


def replace(table: Any, old: Any, new: Any) -> None:
    """Record a write. `old` or `new` is None if there is none."""
    for attribute, partitions in _partitions(table).items():
        for item in (old, new):
            value = item.attrs.get(attribute) if item is not None else None
            if value is not None and item is old:
                partitions[value].pop((item.hash_key, item.range_key), None)
            elif value is not None:
                partitions[value][item.hash_key, item.range_key] = item


def items_of(table: Any, attribute: str, value: Any) -> Items:
    """Return the items whose attribute has a value, in the shape of moto's `Table.items`."""
    by_attribute = _partitions(table)
    if attribute not in by_attribute:
        partitions: _Partitions = defaultdict(dict)
        for item in _all(table):
            if attribute in item.attrs:
                partitions[item.attrs[attribute]][item.hash_key, item.range_key] = item
        by_attribute[attribute] = partitions
    found: Items = {}
    for (partition, sort), item in by_attribute[attribute].get(value, {}).items():
        if sort is None:
            found[partition] = item
        else:
            found.setdefault(partition, {})[sort] = item
    return found


def _partitions(table: Any) -> dict[str, _Partitions]:
    generation, by_attribute = _tables.get(table, (-1, {}))
    if generation != _generation:
        by_attribute = {}
        _tables[table] = _generation, by_attribute
    return by_attribute


def _all(table: Any) -> Iterator[Any]:
    for found in table.items.values():
        yield from found.values() if isinstance(found, dict) else (found,)
