from functions.contracts.orders import CardRefused, OrderPaid, OrderPlaced
from millrace.runtime import step


@step
def handler(order: OrderPlaced) -> OrderPaid | CardRefused:
    return OrderPaid(order_id=order.order_id)
