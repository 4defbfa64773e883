from functions.contracts.orders import OrderPaid, OrderPlaced, OrderShipped
from millrace.runtime import processor


@processor
def handler(order: OrderPlaced | OrderShipped) -> OrderPaid:
    return OrderPaid(order_id=order.order_id)
