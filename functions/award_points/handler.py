"""Awards points for completed orders."""

from functions.contracts.fulfilment import OrderCompleted
from functions.contracts.loyalty import PointsAwarded
from millrace.runtime import Table, processor, update_once


@processor(once_per="order_id")
def handler(order: OrderCompleted, points: Table) -> PointsAwarded:
    """Award one point per whole euro."""
    earned = order.total_cents // 100
    customer = update_once(
        points,
        order,
        Key={"customer_id": order.customer_id},
        UpdateExpression="ADD balance :earned",
        ExpressionAttributeValues={":earned": earned},
    )
    return PointsAwarded(customer_id=order.customer_id, points=earned, total=int(customer.get("balance", 0)))
