"""Rates the credit of customers."""

from functions.contracts.credit import CreditRated
from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from millrace.runtime import Table, processor, update_once


@processor(once_per="order_id")
def handler(order: OrderCompleted | OrderRejected, ratings: Table) -> CreditRated:
    """Add 1 to the score for a completed order, and subtract 1 for a rejected one."""
    customer = update_once(
        ratings,
        order,
        Key={"customer_id": order.customer_id},
        UpdateExpression="ADD score :change",
        ExpressionAttributeValues={":change": 1 if isinstance(order, OrderCompleted) else -1},
    )
    score = int(customer.get("score", 0))
    return CreditRated(customer_id=order.customer_id, score=score, rating="good" if score >= 0 else "poor")
