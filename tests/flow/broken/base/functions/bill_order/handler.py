from functions.contracts.orders import OrderPaid, OrderPlaced
from millrace.runtime import processor


@processor
def handler(order: OrderPlaced) -> OrderPaid:
    return OrderPaid(order_id=order.order_id)
