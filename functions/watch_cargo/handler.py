"""Watches the temperature of refrigerated shipments."""

from datetime import timedelta

from functions.contracts.cold_chain import CargoReading, TemperatureBreached
from millrace.runtime import Window, stream_processor

LIMIT_CELSIUS = 8.0


@stream_processor(every=timedelta(minutes=5), lateness=timedelta(minutes=1))
def handler(window: Window[CargoReading]) -> TemperatureBreached | None:
    """Report five minutes that were too warm on average. A short rise while a door is open is ignored."""
    celsius = window["celsius"]
    if celsius.mean <= LIMIT_CELSIUS:
        return None
    return TemperatureBreached(
        order_id=window.key,
        celsius=round(celsius.mean, 2),
        warmest=celsius.max,
        readings=window.count,
        since=window.start.isoformat(),
        until=window.end.isoformat(),
    )
