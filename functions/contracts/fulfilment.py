"""Events of the fulfilment context."""

from typing import Annotated

from functions.contracts.orders import Address
from millrace.events import Event, Refusal, Sensitive

SOURCE = "shop.fulfilment"


class StockReserved(Event, source=SOURCE):
    """The stock for all lines of an order is reserved."""

    order_id: str


class OutOfStock(Refusal, source=SOURCE):
    """An article is out of stock; nothing is reserved."""

    order_id: str
    sku: str
    reason: str


class StockReleased(Event, source=SOURCE, terminal="the stock table contains it"):
    """The reserved stock of an order is available again."""

    order_id: str


class PaymentCharged(Event, source=SOURCE, terminal="accounting is a separate system"):
    """The customer's card was charged."""

    order_id: str
    amount_cents: int


class PaymentDeclined(Refusal, source=SOURCE):
    """The customer's card was not charged."""

    order_id: str
    reason: str


class PaymentRefunded(Event, source=SOURCE, terminal="accounting is a separate system"):
    """The payment was refunded."""

    order_id: str
    amount_cents: int


class ShippingRequested(Event, source=SOURCE, terminal="the external carrier receives it"):
    """A shipment is requested. The carrier answers with `POST /callbacks/{callback_id}`."""

    order_id: str
    address: Address
    callback_id: Annotated[str, Sensitive()]


class ShipmentHeld(Refusal, source=SOURCE, terminal="the saga rejects the order"):
    """A shipment was too warm and does not leave; `breach_id` is the id of the TemperatureBreached."""

    order_id: str
    reason: str
    breach_id: str


class OrderCompleted(Event, source=SOURCE):
    """An order is paid for and on its way."""

    order_id: str
    customer_id: str
    total_cents: int
    tracking_id: str


class OrderRejected(Event, source=SOURCE):
    """An order was rejected, and its completed steps were undone."""

    order_id: str
    customer_id: str
    reason: str
