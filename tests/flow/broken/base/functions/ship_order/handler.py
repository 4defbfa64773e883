from functions.contracts.orders import OrderPaid, OrderShipped
from millrace.runtime import processor


@processor
def handler(order: OrderPaid) -> OrderShipped:
    return OrderShipped(order_id=order.order_id)
