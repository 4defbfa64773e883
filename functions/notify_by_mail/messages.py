"""Messages to customers."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected


def message(order: OrderCompleted | OrderRejected) -> str:
    """Return the message for a completed or rejected order."""
    if isinstance(order, OrderCompleted):
        return f"Your order {order.order_id} is on its way."
    return f"We could not fulfil your order {order.order_id}: {order.reason}."
