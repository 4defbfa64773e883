"""Sales, as a shop tells of them and another account hears of them."""

from millrace.events import Event


class Sold(Event, source="test.shop", external=True):
    """Something was sold."""

    sale_id: str
    receipt: str = ""
