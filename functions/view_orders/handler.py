"""Maintains the read model of orders."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.orders import OrderPlaced
from functions.contracts.views import OrderView
from millrace.runtime import projection


@projection
def handler(event: OrderPlaced | OrderCompleted | OrderRejected, order: OrderView | None) -> OrderView | None:
    """Update the fields of an event; a completion or rejection can arrive before OrderPlaced."""
    view = order or OrderView(order_id=event.order_id)
    return view.model_copy(update={"customer_id": event.customer_id, "version": view.version + 1, **_fields(event)})


def _fields(event: OrderPlaced | OrderCompleted | OrderRejected) -> dict[str, object]:
    if isinstance(event, OrderPlaced):
        return {"total_cents": event.total_cents}
    if isinstance(event, OrderRejected):
        return {"status": "rejected", "reason": event.reason}
    return {"status": "completed"}
