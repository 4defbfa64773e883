"""Events of shipping."""

from millrace.events import Event


class OrderShipped(Event, source="demo.shipping"):
    order_id: str


class OrderRejected(Event, source="demo.shipping", terminal="the customer knows about it"):
    order_id: str
