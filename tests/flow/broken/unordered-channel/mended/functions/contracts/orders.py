"""What happens to an order."""

from pydantic import Field

from millrace.events import Event, Refusal


class OrderPlaced(Event, source="demo.web", outside=True):
    order_id: str
    total_cents: int = Field(ge=0)


class OrderPaid(Event, source="demo.billing", order_by="order_id"):
    order_id: str


class OrderShipped(Event, source="demo.shipping", end="the customer has the parcel"):
    order_id: str


class CardRefused(Refusal, source="demo.billing", end="the rejection tells"):
    order_id: str


class CardRefunded(Event, source="demo.billing", end="the customer has the money"):
    order_id: str


class OrderRejected(Event, source="demo.shipping", end="the customer is told"):
    order_id: str
