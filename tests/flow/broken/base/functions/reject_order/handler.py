from functions.contracts.orders import OrderPlaced, OrderRejected
from millrace.runtime import step


@step
def handler(order: OrderPlaced) -> OrderRejected:
    return OrderRejected(order_id=order.order_id)
