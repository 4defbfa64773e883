"""What is said of money."""

from millrace.events import Event, Refusal


class OrderPaid(Event, source="demo.billing", order_by="order_id"):
    order_id: str


class CardRefused(Refusal, source="demo.billing", terminal="the rejection tells"):
    order_id: str


class CardRefunded(Event, source="demo.billing", terminal="the customer has the money"):
    order_id: str
