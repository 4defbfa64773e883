"""Fails until the time in the event."""

import time

from functions.contracts.strategies import Tried
from millrace.runtime import Table, processor


@processor
def handler(tried: Tried, tries: Table) -> None:
    """Count the attempt, and fail if it is too early."""
    early = time.time() < tried.until
    tries.update_item(
        Key={"key": tried.key},
        UpdateExpression="ADD tries :one SET done = :done",
        ExpressionAttributeValues={":one": 1, ":done": "no" if early else "yes"},
    )
    if early:
        raise RuntimeError(f"{tried.key} comes too early")
