from functions.contracts.billing import OrderPaid
from functions.contracts.web import OrderPlaced
from rich.markup import escape

from millrace.runtime import processor


@processor
def handler(order: OrderPlaced) -> OrderPaid:
    return OrderPaid(order_id=escape(order.order_id))
