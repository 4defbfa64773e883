"""Refunds the payment of an order."""

from functions.contracts.fulfilment import PaymentRefunded
from functions.contracts.orders import OrderPlaced
from millrace.runtime import Table, step, write_if


@step
def handler(order: OrderPlaced, payments: Table) -> PaymentRefunded | None:
    """Refund the payment in the table; do nothing if the card was never charged."""
    written = write_if(
        payments.update_item,
        Key={"order_id": order.order_id},
        UpdateExpression="SET #state = :refunded",
        ConditionExpression="attribute_exists(order_id)",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":refunded": "refunded"},
        ReturnValues="ALL_NEW",
    )
    if written is None:
        return None
    return PaymentRefunded(order_id=order.order_id, amount_cents=int(written["Attributes"]["amount_cents"]))
