"""What the carrier answers: a company outside, with systems of its own."""

from millrace.events import Event, Refusal

SOURCE = "carrier.shipments"


class ShipmentArranged(Event, source=SOURCE, external=True):
    """The carrier takes the goods."""

    order_id: str
    carrier: str
    tracking_id: str


class ShipmentRefused(Refusal, source=SOURCE, external=True):
    """The carrier does not take the goods."""

    order_id: str
    reason: str
