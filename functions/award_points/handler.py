"""Awards points for completed orders."""

from functions.contracts.fulfilment import OrderCompleted
from functions.contracts.loyalty import PointsAwarded
from millrace.runtime import Table, processor, write_if


@processor
def handler(order: OrderCompleted, points: Table) -> PointsAwarded:
    """One point for each whole euro, once for an order."""
    earned = order.total_cents // 100
    return PointsAwarded(
        customer_id=order.customer_id, points=earned, total=_add(points, order.customer_id, order.order_id, earned)
    )


def _add(points: Table, customer_id: str, order_id: str, earned: int) -> int:
    """The customer's total, with this order's points."""
    key = {"customer_id": customer_id}
    written = write_if(
        points.update_item,
        Key=key,
        UpdateExpression="ADD balance :earned, orders :order",
        ConditionExpression="NOT contains(orders, :order_id)",
        ExpressionAttributeValues={":earned": earned, ":order": {order_id}, ":order_id": order_id},
        ReturnValues="ALL_NEW",
    )
    item = written["Attributes"] if written else points.get_item(Key=key, ConsistentRead=True)["Item"]
    return int(item["balance"])
