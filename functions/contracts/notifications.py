"""Events of the notifications context."""

from typing import Literal

from millrace.events import Event


class CustomerNotified(Event, source="shop.notifications", terminal="no process follows a notification"):
    """A customer was notified of a completed or rejected order."""

    order_id: str
    customer_id: str
    by: Literal["mail", "post"]
