"""Requests to DynamoDB: retries after transaction conflicts, transactions, batches and item sizes.

DynamoDB rejects a request that conflicts with an ongoing transaction on the same item, and writes nothing. The SDK does
not retry it; of the errors of transactions it retries TransactionInProgressException alone.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

ATTEMPTS = 8
"""Attempts of one request. The pauses between them take 1.3 seconds on average."""
_FIRST_PAUSE = 0.02
MOST_BYTES = 409_600
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
_MOST_BYTES_OF_CHARACTER = 4
T = TypeVar("T")


def retried(request: Callable[..., T], **arguments: Any) -> T:
    """Send a request, and retry it after a transaction conflict. Raises the error of the last attempt."""
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


def transact(client: Any, items: Sequence[tuple[str, dict[str, Any]]]) -> list[str | None]:
    """Write items, `(table, {"Put": …})`, all or none.

    Returns an empty list if they were written, else the cancellation reason of each item. `client` is the one of a
    boto3 resource, which takes plain values.
    """
    named = [{kind: {"TableName": table, **given} for kind, given in item.items()} for table, item in items]
    try:
        client.transact_write_items(TransactItems=named)
    except client.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
        if not set(codes) <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            raise
        return [None if code == "None" else code for code in codes]
    return []


def in_batch(table: Any, keys: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Read the items of at most 100 keys with consistent reads.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
    """
    requested = {table.name: {"Keys": keys, "ConsistentRead": True}} if keys else {}
    while requested:
        response = table.meta.client.batch_get_item(RequestItems=requested)
        yield from response["Responses"].get(table.name, ())
        requested = response["UnprocessedKeys"]


def pages(operation: Callable[..., Any], **request: Any) -> Iterator[dict[str, Any]]:
    """Read the items of all pages of a Query or a Scan."""
    while True:
        response = operation(**request)
        yield from response["Items"]
        if "LastEvaluatedKey" not in response:
            return
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]


def number(value: Decimal) -> int | float:
    """Convert a number of DynamoDB to one of JSON."""
    return int(value) if value == value.to_integral_value() else float(value)


class ItemTooLargeError(ValueError):
    """An item exceeds the size limit of DynamoDB. The message names its largest field and the fix."""


def check_size(item: Mapping[str, Any], what: str, fields: Mapping[str, Any], fix: str) -> None:
    """Raise ItemTooLargeError if an item, which was made of these `fields`, exceeds the limit of DynamoDB."""
    if _MOST_BYTES_OF_CHARACTER * len(repr(item)) <= MOST_BYTES:
        return
    size = sum(len(name.encode()) + _bytes(value) for name, value in item.items())
    if size <= MOST_BYTES:
        return
    largest = max(fields, key=lambda name: _bytes(fields[name]))
    raise ItemTooLargeError(
        f"{what} has {size} bytes, {_bytes(fields[largest])} of them in {largest!r}. An item of DynamoDB has at most "
        f"{MOST_BYTES}: {fix}"
    )


def _bytes(value: Any) -> int:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return len(text.encode())
