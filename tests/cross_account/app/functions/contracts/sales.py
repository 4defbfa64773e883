"""Sales, published by the shop and handled by another account."""

from millrace.events import Event


class Sold(Event, source="test.shop", external=True):
    """Something was sold."""

    sale_id: str
    receipt: str = ""
