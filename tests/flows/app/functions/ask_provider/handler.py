"""Asks a provider that is away until the moment that a table names."""

import time

from functions.contracts.provider import Answered, Asked
from millrace.runtime import Table, breaker, processor


class ProviderDown(ConnectionError):
    """The provider does not answer."""


@processor
@breaker("provider", on=ProviderDown, threshold=3, recovery=30, patience=4 * 3600)
def handler(asked: Asked, provider: Table) -> Answered:
    """Each call is counted; a key that is poison has nothing to do with the provider."""
    if asked.key == "poison":
        raise RuntimeError("the key is poison")
    state = provider.update_item(
        Key={"key": "provider"},
        UpdateExpression="ADD calls :one",
        ExpressionAttributeValues={":one": 1},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    if time.time() < state.get("up_at", 0):
        raise ProviderDown("no answer")
    return Answered(key=asked.key)
