"""Events of the shop that the supplier consumes."""

from millrace.events import Event


class OrderCompleted(Event, source="shop.fulfilment", external=True):
    """An order of the shop is on its way."""

    order_id: str
    customer_id: str
    total_cents: int
