"""Reservations: an item of the stock table holds its quantity and the orders that took from it."""

from collections import Counter

from functions.contracts.orders import OrderPlaced
from millrace.runtime import Table, write_if


def quantities(order: OrderPlaced) -> Counter[str]:
    """How much of each article an order takes: one may stand on several lines."""
    taken: Counter[str] = Counter()
    for line in order.lines:
        taken[line.sku] += line.quantity
    return taken


def reserve(stock: Table, order_id: str, sku: str, quantity: int) -> bool:
    """Set goods aside for an order, unless they are already. False if there are too few."""
    written = write_if(
        stock.update_item,
        Key={"sku": sku},
        UpdateExpression="SET quantity = quantity - :quantity ADD reserved :order",
        ConditionExpression="quantity >= :quantity AND NOT contains(reserved, :order_id)",
        ExpressionAttributeValues=_values(order_id, quantity),
    )
    return written is not None or _is_reserved(stock, order_id, sku)


def release(stock: Table, order: OrderPlaced) -> bool:
    """Put the goods of an order back, each article once. False if none was set aside."""
    released = [_release(stock, order.order_id, sku, quantity) for sku, quantity in quantities(order).items()]
    return any(released)


def _release(stock: Table, order_id: str, sku: str, quantity: int) -> bool:
    written = write_if(
        stock.update_item,
        Key={"sku": sku},
        UpdateExpression="ADD quantity :quantity DELETE reserved :order",
        ConditionExpression="contains(reserved, :order_id)",
        ExpressionAttributeValues=_values(order_id, quantity),
    )
    return written is not None


def _is_reserved(stock: Table, order_id: str, sku: str) -> bool:
    item = stock.get_item(Key={"sku": sku}, ConsistentRead=True).get("Item", {})
    return order_id in item.get("reserved", ())


def _values(order_id: str, quantity: int) -> dict[str, object]:
    """DynamoDB adds and deletes sets, and looks for their members."""
    return {":quantity": quantity, ":order": {order_id}, ":order_id": order_id}
