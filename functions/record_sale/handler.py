"""Records completed orders for the sales views."""

from functions.contracts.fulfilment import OrderCompleted
from millrace.runtime import SpeedView, processor


@processor(once_per="order_id")
def handler(order: OrderCompleted, sales: SpeedView) -> None:
    """Archive the sale, and add it to the day on which the order was completed."""
    data = {"order_id": order.order_id, "customer_id": order.customer_id, "cents": order.total_cents}
    day = order.metadata.occurred_at.date()
    sales.record(order, day=day, data=data, amounts={"orders": 1, "cents": order.total_cents})
