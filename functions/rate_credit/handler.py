"""Rates the credit of customers by their orders."""

from functions.contracts.credit import CreditRated
from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from millrace.runtime import Table, processor, write_if


@processor
def handler(order: OrderCompleted | OrderRejected, ratings: Table) -> CreditRated:
    """A completed order counts one up, a rejected one counts one down, each once."""
    score = _count(ratings, order.customer_id, order.order_id, 1 if isinstance(order, OrderCompleted) else -1)
    return CreditRated(customer_id=order.customer_id, score=score, rating="good" if score >= 0 else "poor")


def _count(ratings: Table, customer_id: str, order_id: str, change: int) -> int:
    key = {"customer_id": customer_id}
    written = write_if(
        ratings.update_item,
        Key=key,
        UpdateExpression="ADD score :change, orders :order",
        ConditionExpression="NOT contains(orders, :order_id)",
        ExpressionAttributeValues={":change": change, ":order": {order_id}, ":order_id": order_id},
        ReturnValues="ALL_NEW",
    )
    item = written["Attributes"] if written else ratings.get_item(Key=key, ConsistentRead=True)["Item"]
    return int(item["score"])
