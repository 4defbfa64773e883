"""Stock reservations: an item of the stock table contains its quantity and the ids of orders that reserved it."""

from collections import Counter

from functions.contracts.orders import OrderPlaced
from millrace.runtime import Table, write_if


def quantities(order: OrderPlaced) -> Counter[str]:
    """Return the quantity of each article of an order; several lines can have the same article."""
    total: Counter[str] = Counter()
    for line in order.lines:
        total[line.sku] += line.quantity
    return total


def reserve(stock: Table, order_id: str, sku: str, quantity: int) -> bool:
    """Reserve an article for an order, once. Returns False if the quantity is insufficient."""
    written = write_if(
        stock.update_item,
        Key={"sku": sku},
        UpdateExpression="SET quantity = quantity - :quantity ADD reserved :order",
        ConditionExpression="quantity >= :quantity AND NOT contains(reserved, :order_id)",
        ExpressionAttributeValues=_values(order_id, quantity),
    )
    return written is not None or _is_reserved(stock, order_id, sku)


def release(stock: Table, order: OrderPlaced) -> bool:
    """Release the articles of an order, each once. Returns False if none was reserved."""
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
    """ADD and DELETE need a set, and contains() needs a member."""
    return {":quantity": quantity, ":order": {order_id}, ":order_id": order_id}
