"""Puts delivered goods on the shelves."""

from functions.contracts.warehouse import StockDelivered
from millrace.runtime import Table, processor, write_if


@processor
def handler(delivery: StockDelivered, stock: Table) -> None:
    """Count a delivery once, however often it is told."""
    event_id = delivery.metadata.event_id
    write_if(
        stock.update_item,
        Key={"sku": delivery.sku},
        UpdateExpression="ADD quantity :quantity, deliveries :delivery",
        ConditionExpression="NOT contains(deliveries, :event_id)",
        ExpressionAttributeValues={":quantity": delivery.quantity, ":delivery": {event_id}, ":event_id": event_id},
    )
