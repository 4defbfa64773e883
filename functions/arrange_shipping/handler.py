"""Requests shipping from the carrier and waits for its callback."""

from datetime import timedelta

from functions.contracts.carrier import ShipmentArranged, ShipmentRefused
from functions.contracts.fulfilment import ShippingRequested
from functions.contracts.orders import OrderPlaced
from millrace.runtime import Callback, step


@step(timeout=timedelta(days=2))
def handler(order: OrderPlaced, callback: Callback[ShipmentArranged | ShipmentRefused]) -> ShippingRequested:
    """The carrier subscribes to this event and calls `POST /callbacks/{callback_id}` of the shop's API."""
    return ShippingRequested(order_id=order.order_id, address=order.address, callback_id=callback.id)
