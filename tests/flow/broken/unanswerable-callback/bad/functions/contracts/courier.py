"""Answers of the courier."""

from millrace.events import Event


class CourierBooked(Event, source="demo.courier", external=True, terminal="the courier collects the parcel"):
    order_id: str
