"""Holds a shipment that was too warm."""

from functions.contracts.fulfilment import ShipmentHeld
from functions.contracts.orders import OrderPlaced
from millrace.runtime import Table, step


@step
def handler(order: OrderPlaced, breaches: Table) -> ShipmentHeld | None:
    """Refuse an order whose shipment had a breach of temperature before it left."""
    breach = breaches.get_item(Key={"order_id": order.order_id}, ConsistentRead=True).get("Item")
    if breach is None:
        return None
    return ShipmentHeld(order_id=order.order_id, reason=breach["reason"], breach_id=breach["event_id"])
