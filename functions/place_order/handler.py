"""Places orders."""

from functions.contracts.orders import PlaceOrder
from functions.place_order.order import Order
from millrace.runtime import EventStore, processor


@processor
def handler(command: PlaceOrder, orders: EventStore[Order]) -> None:
    """Load the order and append its new events; the relay of the event store publishes them."""
    orders.update(command.order_id, lambda order: order.place(command))
