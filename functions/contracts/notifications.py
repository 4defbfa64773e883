"""What the notifications context says."""

from typing import Literal

from millrace.events import Event


class CustomerNotified(Event, source="shop.notifications", terminal="the customer has the message"):
    """A customer was told how an order ended."""

    order_id: str
    customer_id: str
    by: Literal["mail", "post"]
