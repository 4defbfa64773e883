"""Maintains the read model of customers."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.orders import OrderPlaced
from functions.contracts.views import CustomerView
from millrace.runtime import projection


@projection
def handler(event: OrderPlaced | OrderCompleted | OrderRejected, customer: CustomerView | None) -> CustomerView | None:
    """Update the counters; the order of events does not matter."""
    view = customer or CustomerView(customer_id=event.customer_id)
    return view.model_copy(update={"version": view.version + 1, **_counters(event, view)})


def _counters(event: OrderPlaced | OrderCompleted | OrderRejected, view: CustomerView) -> dict[str, int]:
    if isinstance(event, OrderPlaced):
        return {"placed": view.placed + 1}
    if isinstance(event, OrderRejected):
        return {"rejected": view.rejected + 1}
    return {"completed": view.completed + 1, "spent_cents": view.spent_cents + event.total_cents}
