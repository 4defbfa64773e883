"""Events of the carrier, an external company."""

from millrace.events import Event, Refusal

SOURCE = "carrier.shipments"


class ShipmentArranged(Event, source=SOURCE, outside=True):
    """The carrier accepts the shipment."""

    order_id: str
    carrier: str
    tracking_id: str


class ShipmentRefused(Refusal, source=SOURCE, outside=True):
    """The carrier refuses the shipment."""

    order_id: str
    reason: str
