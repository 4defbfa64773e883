"""What the courier answers."""

from millrace.events import Event


class CourierBooked(Event, source="demo.courier", external=True, terminal="the courier comes"):
    order_id: str
