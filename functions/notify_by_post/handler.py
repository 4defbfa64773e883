"""Notifies customers by post of completed and rejected orders."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.notifications import CustomerNotified
from millrace.runtime import processor


@processor
def handler(order: OrderCompleted | OrderRejected) -> CustomerNotified:
    """Send a letter by post, which always succeeds."""
    return CustomerNotified(order_id=order.order_id, customer_id=order.customer_id, by="post")
