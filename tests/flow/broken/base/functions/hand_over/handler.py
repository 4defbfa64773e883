from functions.contracts.orders import OrderPaid, OrderPlaced, OrderShipped
from millrace.runtime import step


@step
def handler(order: OrderPlaced, paid: OrderPaid) -> OrderShipped:
    return OrderShipped(order_id=paid.order_id)
