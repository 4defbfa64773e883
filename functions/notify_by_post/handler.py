"""Tells customers by post how their orders ended."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.notifications import CustomerNotified
from millrace.runtime import processor


@processor
def handler(order: OrderCompleted | OrderRejected) -> CustomerNotified:
    """The postman always comes."""
    return CustomerNotified(order_id=order.order_id, customer_id=order.customer_id, by="post")
