from functions.contracts.billing import OrderPaid
from functions.contracts.shipping import OrderShipped

from millrace.runtime import processor


@processor
def handler(order: OrderPaid) -> OrderShipped:
    return OrderShipped(order_id=order.order_id)
