"""Events and readings of the cold chain: sensors in refrigerated shipments."""

from datetime import datetime

from millrace.events import Event
from millrace.runtime.stream import Reading


class CargoReading(Reading, key="order_id", time="measured_at", id="reading_id"):
    """The temperature in the shipment of an order."""

    order_id: str
    reading_id: str
    measured_at: datetime
    celsius: float


class TemperatureBreached(Event, source="shop.cold_chain"):
    """The shipment of an order was too warm, on average, from `since` until `until`, which are in ISO 8601."""

    order_id: str
    celsius: float
    warmest: float
    readings: int
    since: str
    until: str
