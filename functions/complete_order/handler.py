"""Completes an order."""

from functions.contracts.carrier import ShipmentArranged
from functions.contracts.fulfilment import OrderCompleted
from functions.contracts.orders import OrderPlaced
from millrace.runtime import Table, step


@step
def handler(order: OrderPlaced, shipment: ShipmentArranged, stock: Table) -> OrderCompleted:
    """Delete the reservations of the shipped goods."""
    for sku in {line.sku for line in order.lines}:
        stock.update_item(
            Key={"sku": sku},
            UpdateExpression="DELETE reserved :order",
            ExpressionAttributeValues={":order": {order.order_id}},
        )
    return OrderCompleted(
        order_id=order.order_id,
        customer_id=order.customer_id,
        total_cents=order.total_cents,
        tracking_id=shipment.tracking_id,
    )
