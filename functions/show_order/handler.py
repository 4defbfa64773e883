"""Shows an order."""

from functions.contracts.views import OrderView
from millrace.runtime import ReadModel, query


@query("/orders/{order_id}")
def handler(order_id: str, orders: ReadModel[OrderView]) -> OrderView | None:
    """Return an order, or None before it is placed."""
    return orders.get(order_id)
