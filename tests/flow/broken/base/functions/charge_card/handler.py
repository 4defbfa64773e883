from functions.contracts.billing import CardRefused, OrderPaid
from functions.contracts.web import OrderPlaced

from millrace.runtime import step


@step
def handler(order: OrderPlaced) -> OrderPaid | CardRefused:
    return OrderPaid(order_id=order.order_id)
