"""Counts what the shop sells."""

from functions.contracts.shop import OrderCompleted
from millrace.runtime import Table, processor, write_if


@processor
def handler(order: OrderCompleted, sales: Table) -> None:
    """Count each order once."""
    write_if(
        sales.update_item,
        Key={"customer_id": order.customer_id},
        UpdateExpression="ADD total_cents :cents, orders :order",
        ConditionExpression="NOT contains(orders, :order_id)",
        ExpressionAttributeValues={
            ":cents": order.total_cents,
            ":order": {order.order_id},
            ":order_id": order.order_id,
        },
    )
