"""Keeps the view of customers."""

from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.orders import OrderPlaced
from functions.contracts.views import CustomerView
from millrace.runtime import projection


@projection
def handler(event: OrderPlaced | OrderCompleted | OrderRejected, customer: CustomerView | None) -> CustomerView | None:
    """Counts, which come out the same in whatever order they are told."""
    seen = customer or CustomerView(customer_id=event.customer_id)
    return seen.model_copy(update={"version": seen.version + 1, **_counted(event, seen)})


def _counted(event: OrderPlaced | OrderCompleted | OrderRejected, seen: CustomerView) -> dict[str, int]:
    if isinstance(event, OrderPlaced):
        return {"placed": seen.placed + 1}
    if isinstance(event, OrderRejected):
        return {"rejected": seen.rejected + 1}
    return {"completed": seen.completed + 1, "spent_cents": seen.spent_cents + event.total_cents}
