"""What an item of DynamoDB can hold.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import json
from collections.abc import Mapping
from typing import Any

MOST_BYTES = 409_600
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
_MOST_BYTES_OF_CHARACTER = 4


class TooLarge(ValueError):
    """What an item cannot hold; the text says which field weighs how much, and what to do."""


def check_size(item: Mapping[str, Any], what: str, fields: Mapping[str, Any], mend: str) -> None:
    """Raise TooLarge for an item that DynamoDB does not take; `fields` is what its content is made of."""
    if _MOST_BYTES_OF_CHARACTER * len(repr(item)) <= MOST_BYTES:
        return
    size = sum(len(name.encode()) + _bytes(value) for name, value in item.items())
    if size <= MOST_BYTES:
        return
    largest = max(fields, key=lambda name: _bytes(fields[name]))
    raise TooLarge(
        f"{what} weighs {size} bytes, {_bytes(fields[largest])} of them in {largest!r}, and an item of DynamoDB holds "
        f"{MOST_BYTES}: {mend}"
    )


def _bytes(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return len(text.encode())
