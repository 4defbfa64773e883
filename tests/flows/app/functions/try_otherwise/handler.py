"""Does what is asked in another way."""

from functions.contracts.strategies import Tried
from millrace.runtime import Table, processor


@processor
def handler(tried: Tried, tries: Table) -> None:
    """Never fails."""
    tries.update_item(
        Key={"key": tried.key},
        UpdateExpression="SET done = :done",
        ExpressionAttributeValues={":done": "otherwise"},
    )
