from functions.contracts.courier import CourierBooked
from functions.contracts.web import OrderPlaced

from millrace.runtime import Callback, step


@step
def handler(order: OrderPlaced, callback: Callback[CourierBooked]) -> None:
    """Sends the courier a request with `callback.id`."""
