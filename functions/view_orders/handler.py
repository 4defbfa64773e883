"""Keeps the view of orders."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.orders import OrderPlaced
from functions.contracts.views import OrderView
from millrace.runtime import projection


@projection
def handler(event: OrderPlaced | OrderCompleted | OrderRejected, order: OrderView | None) -> OrderView | None:
    """What comes of an order may be told before it is placed: neither takes back what the other says."""
    seen = order or OrderView(order_id=event.order_id)
    return seen.model_copy(update={"customer_id": event.customer_id, "version": seen.version + 1, **_told(event)})


def _told(event: OrderPlaced | OrderCompleted | OrderRejected) -> dict[str, object]:
    if isinstance(event, OrderPlaced):
        return {"total_cents": event.total_cents}
    if isinstance(event, OrderRejected):
        return {"status": "rejected", "reason": event.reason}
    return {"status": "completed"}
