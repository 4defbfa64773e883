"""Events of billing."""

from millrace.events import Event, Refusal


class OrderPaid(Event, source="demo.billing", order_by="order_id"):
    order_id: str


class CardRefused(Refusal, source="demo.billing", terminal="OrderRejected contains the refusal"):
    order_id: str


class CardRefunded(Event, source="demo.billing", terminal="the customer has received the money"):
    order_id: str
