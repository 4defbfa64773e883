from functions.contracts.orders import CardRefunded, OrderPlaced
from millrace.runtime import step


@step
def handler(order: OrderPlaced) -> CardRefunded:
    return CardRefunded(order_id=order.order_id)
