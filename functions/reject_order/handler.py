"""Rejects an order."""

from functions.contracts.carrier import ShipmentRefused
from functions.contracts.fulfilment import OrderRejected, OutOfStock, PaymentDeclined
from functions.contracts.orders import OrderPlaced
from millrace.runtime import step


@step
def handler(order: OrderPlaced, refusal: OutOfStock | PaymentDeclined | ShipmentRefused | None) -> OrderRejected:
    """Reject an order because a step refused it or failed."""
    reason = refusal.reason if refusal else "we could not process the order"
    return OrderRejected(order_id=order.order_id, customer_id=order.customer_id, reason=reason)
