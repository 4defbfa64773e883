"""What customers are told."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected


def message(order: OrderCompleted | OrderRejected) -> str:
    """A line on how an order ended."""
    if isinstance(order, OrderCompleted):
        return f"Your order {order.order_id} is on its way."
    return f"We could not fulfil your order {order.order_id}: {order.reason}."
