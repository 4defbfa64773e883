"""The write limit of partitions, as a fault: `cloud.limit_partitions(…)`.

Each value of a partition key, of a table or an index, counts as one partition, as DynamoDB isolates the values that are
written most. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""

import json
import math
from collections.abc import Iterator
from typing import Any

UNIT_BYTES = 1_024
Partition = tuple[str, str, str]
"""Table, index or "", and value of the partition key."""


class PartitionLimits:
    """Counts write units for each partition. A partition saves up at most one second of unused units."""

    def __init__(self, write_units: float) -> None:
        self.write_units = write_units
        self._used: dict[Partition, tuple[float, float]] = {}

    def charge(self, now: float, partition: Partition, units: float) -> None:
        """Count the units of a write."""
        self._used[partition] = (now, self._level(now, partition) + units)

    def exceeded(self, now: float, table: str) -> list[Partition]:
        """Return the partitions of a table and its indexes that have no units left.

        A throttled index throttles its table, too.
        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/gsi-throttling.html
        """
        known = [partition for partition in self._used if partition[0] == table]
        return [partition for partition in known if self._level(now, partition) > self.write_units]

    def _level(self, now: float, partition: Partition) -> float:
        before, used = self._used.get(partition, (now, 0.0))
        return max(0.0, used - (now - before) * self.write_units)


def charges(table: Any, old: Any, new: Any) -> Iterator[tuple[Partition, float]]:
    """Return the units of a change of an item: in the table, and in each index that it enters, leaves, or stays in.

    `table` and the items are moto's.
    """
    units = max(_units(item) for item in (old, new) if item is not None)
    yield (table.name, "", _value(new or old, table.hash_key_attr) or ""), units
    for index in table.global_indexes:
        keys = [_value(item, _hash_key(index)) for item in (old, new)]
        for value in dict.fromkeys(keys):
            if value is not None:
                yield (table.name, index.name, value), units


def _units(item: Any) -> int:
    return math.ceil(len(json.dumps(item.to_json())) / UNIT_BYTES)


def _hash_key(index: Any) -> str:
    return next(str(key["AttributeName"]) for key in index.schema if key["KeyType"] == "HASH")


def _value(item: Any, name: str) -> str | None:
    attribute = item.attrs.get(name) if item is not None else None
    return None if attribute is None else str(attribute.value)
