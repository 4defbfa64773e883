"""Hands the goods to the carrier."""

from functions.contracts.fulfilment import ShipmentArranged, ShipmentRefused
from functions.contracts.orders import OrderPlaced
from millrace.runtime import step

CARRIER = "Mill & Sons"
SERVED = frozenset({"AT", "BE", "CH", "DE", "DK", "ES", "FR", "IT", "LU", "NL", "PL", "PT"})


@step
def handler(order: OrderPlaced) -> ShipmentArranged | ShipmentRefused:
    """The tracking id follows from the order's, so that asking twice ships once."""
    if order.address.country not in SERVED:
        return ShipmentRefused(order_id=order.order_id, reason=f"{CARRIER} does not serve {order.address.country}")
    return ShipmentArranged(order_id=order.order_id, carrier=CARRIER, tracking_id=f"MS-{order.order_id}")
