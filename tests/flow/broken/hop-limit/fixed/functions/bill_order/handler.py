from functions.contracts.billing import OrderPaid
from functions.contracts.shipping import OrderShipped
from functions.contracts.web import OrderPlaced

from millrace.runtime import processor


@processor
def handler(order: OrderPlaced | OrderShipped) -> OrderPaid:
    return OrderPaid(order_id=order.order_id)
