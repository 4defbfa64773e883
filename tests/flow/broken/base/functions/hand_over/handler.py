from functions.contracts.billing import OrderPaid
from functions.contracts.shipping import OrderShipped
from functions.contracts.web import OrderPlaced

from millrace.runtime import step


@step
def handler(order: OrderPlaced, paid: OrderPaid) -> OrderShipped:
    return OrderShipped(order_id=paid.order_id)
