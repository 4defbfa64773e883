"""Retries of DynamoDB requests that conflict with an ongoing transaction on the same item.

DynamoDB rejects such a request and writes nothing. The SDK does not retry it; of the errors of transactions it retries
TransactionInProgressException alone.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
"""

import random
import time
from collections.abc import Callable
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
