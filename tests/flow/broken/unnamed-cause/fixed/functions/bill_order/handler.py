from functions.contracts.billing import OrderPaid
from functions.contracts.web import OrderPlaced

from millrace.runtime import processor


@processor
def handler(orders: list[OrderPlaced]) -> list[OrderPaid]:
    return [OrderPaid(order_id=order.order_id).caused_by(order) for order in orders]
