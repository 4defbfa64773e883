"""Calls a provider that is unavailable until the time in a table."""

import time

from functions.contracts.provider import Answered, Requested
from millrace.runtime import Table, breaker, processor


class ProviderDown(ConnectionError):
    """The provider does not respond."""


@processor
@breaker("provider", on=ProviderDown, threshold=3, recovery=30, max_wait=30 * 3600)
def handler(requested: Requested, provider: Table) -> Answered:
    """Count the call. The key `poison` fails before the call."""
    if requested.key == "poison":
        raise RuntimeError("the key is poison")
    state = provider.update_item(
        Key={"key": "provider"},
        UpdateExpression="ADD calls :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    if time.time() < state.get("up_at", 0):
        raise ProviderDown("no answer")
    return Answered(key=requested.key)
