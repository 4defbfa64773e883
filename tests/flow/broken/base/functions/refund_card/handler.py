from functions.contracts.billing import CardRefunded
from functions.contracts.web import OrderPlaced

from millrace.runtime import step


@step
def handler(order: OrderPlaced) -> CardRefunded:
    return CardRefunded(order_id=order.order_id)
