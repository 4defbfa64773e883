"""Adds delivered goods to the stock."""

from functions.contracts.warehouse import StockDelivered
from millrace.runtime import Table, processor, update_once


@processor
def handler(delivery: StockDelivered, stock: Table) -> None:
    """Add the delivered quantity once."""
    update_once(
        stock,
        delivery,
        Key={"sku": delivery.sku},
        UpdateExpression="ADD quantity :quantity",
        ExpressionAttributeValues={":quantity": delivery.quantity},
    )
