"""Charges the customer's card."""

from functions.contracts.fulfilment import PaymentCharged, PaymentDeclined
from functions.contracts.orders import OrderPlaced
from millrace.runtime import Table, step, write_if

CARD_LIMIT_CENTS = 100_000


@step
def handler(order: OrderPlaced, payments: Table) -> PaymentCharged | PaymentDeclined:
    """Charge an order once, up to the card's limit."""
    if order.total_cents > CARD_LIMIT_CENTS:
        return PaymentDeclined(order_id=order.order_id, reason=f"over the card's limit of {CARD_LIMIT_CENTS} cents")
    write_if(
        payments.put_item,
        Item={"order_id": order.order_id, "amount_cents": order.total_cents, "card": order.card, "state": "charged"},
        ConditionExpression="attribute_not_exists(order_id)",
    )
    return PaymentCharged(order_id=order.order_id, amount_cents=order.total_cents)
