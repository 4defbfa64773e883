"""Takes orders in."""

from functions.contracts.orders import PlaceOrder
from functions.place_order.order import Order
from millrace.runtime import EventStore, processor


@processor
def handler(command: PlaceOrder, orders: EventStore[Order]) -> None:
    """Let the order decide; what it says is stored, and published from there."""
    orders.update(command.order_id, lambda order: order.place(command))
