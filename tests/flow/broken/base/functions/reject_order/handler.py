from functions.contracts.shipping import OrderRejected
from functions.contracts.web import OrderPlaced

from millrace.runtime import step


@step
def handler(order: OrderPlaced) -> OrderRejected:
    return OrderRejected(order_id=order.order_id)
