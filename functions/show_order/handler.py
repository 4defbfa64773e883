"""Shows an order."""

from functions.contracts.views import OrderView
from millrace.runtime import ReadModel, query


@query("/orders/{order_id}")
def handler(order_id: str, orders: ReadModel[OrderView]) -> OrderView | None:
    """An order as it stands; none, before it is placed."""
    return orders.get(order_id)
