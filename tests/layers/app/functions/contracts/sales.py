"""Sales."""

from datetime import date

from millrace.events import Event


class Sold(Event, source="test.sales", external=True):
    """Something was sold on a day, which may be in the past."""

    day: date
    cents: int
