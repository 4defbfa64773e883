"""Retries of DynamoDB requests that conflict with an ongoing transaction on the same item.

DynamoDB rejects such a request and writes nothing. The SDK does not retry it; of the errors of transactions it retries
TransactionInProgressException alone.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

ATTEMPTS = 8
"""Attempts of one request. The pauses between them take 1.3 seconds on average."""
_FIRST_PAUSE = 0.02
T = TypeVar("T")


def retried(request: Callable[..., T], **arguments: Any) -> T:
    """Send a request, and send it again while it conflicts. Raises what DynamoDB returns for the last attempt."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return request(**arguments)
        except Exception as error:
            if not is_conflict(error):
                raise
        time.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))  # noqa: S311 - jitter is no secret
    return request(**arguments)


def is_conflict(error: Exception) -> bool:
    """Whether DynamoDB rejected a write, or canceled a transaction, because of another transaction."""
    response = getattr(error, "response", {})  # botocore's ClientError, which a test has no need to load
    if response.get("Error", {}).get("Code") == "TransactionConflictException":
        return True
    return any(reason.get("Code") == "TransactionConflict" for reason in response.get("CancellationReasons", ()))


MOST_BYTES = 409_600
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
_MOST_BYTES_OF_CHARACTER = 4


class ItemTooLargeError(ValueError):
    """What an item cannot hold; the text says which field weighs how much, and what to do."""


def check_size(item: Mapping[str, Any], what: str, fields: Mapping[str, Any], mend: str) -> None:
    """Raise ItemTooLargeError for an item that DynamoDB does not take; `fields` is what its content is made of."""
    if _MOST_BYTES_OF_CHARACTER * len(repr(item)) <= MOST_BYTES:
        return
    size = sum(len(name.encode()) + _bytes(value) for name, value in item.items())
    if size <= MOST_BYTES:
        return
    largest = max(fields, key=lambda name: _bytes(fields[name]))
    raise ItemTooLargeError(
        f"{what} weighs {size} bytes, {_bytes(fields[largest])} of them in {largest!r}, and an item of DynamoDB holds "
        f"{MOST_BYTES}: {mend}"
    )


def _bytes(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return len(text.encode())
