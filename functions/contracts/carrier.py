"""Events of the carrier, an external company."""

from millrace.events import Event, Refusal

SOURCE = "carrier.shipments"


class ShipmentArranged(Event, source=SOURCE, external=True):
    """The carrier accepts the shipment."""

    order_id: str
    carrier: str
    tracking_id: str


class ShipmentRefused(Refusal, source=SOURCE, external=True):
    """The carrier refuses the shipment."""

    order_id: str
    reason: str
