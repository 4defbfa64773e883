"""What is said of parcels."""

from millrace.events import Event


class OrderShipped(Event, source="demo.shipping", terminal="the customer has the parcel"):
    order_id: str


class OrderRejected(Event, source="demo.shipping", terminal="the customer is told"):
    order_id: str
