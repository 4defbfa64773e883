"""What the courier answers."""

from millrace.events import Event


class CourierBooked(Event, source="demo.courier", outside=True, end="the courier comes"):
    order_id: str
