"""The fallback of `try_it`."""

from functions.contracts.strategies import Tried
from millrace.runtime import Table, processor


@processor
def handler(tried: Tried, tries: Table) -> None:
    """Record the fallback."""
    tries.update_item(
        Key={"key": tried.key},
        UpdateExpression="SET done = :done",
        ExpressionAttributeValues={":done": "fallback"},
    )
