"""What fulfilment says, step by step."""

from typing import Annotated

from functions.contracts.orders import Address
from millrace.events import Event, Refusal, Sensitive

SOURCE = "shop.fulfilment"


class StockReserved(Event, source=SOURCE):
    """All lines of an order are set aside."""

    order_id: str


class OutOfStock(Refusal, source=SOURCE):
    """There is too little of an article; nothing is set aside."""

    order_id: str
    sku: str
    reason: str


class StockReleased(Event, source=SOURCE, terminal="the table of the stock has it"):
    """What was set aside is on the shelves again."""

    order_id: str


class PaymentCharged(Event, source=SOURCE, terminal="the books are kept elsewhere"):
    """The customer's card was charged."""

    order_id: str
    amount_cents: int


class PaymentDeclined(Refusal, source=SOURCE):
    """The customer's card was not charged."""

    order_id: str
    reason: str


class PaymentRefunded(Event, source=SOURCE, terminal="the books are kept elsewhere"):
    """The customer has the money back."""

    order_id: str
    amount_cents: int


class ShippingRequested(Event, source=SOURCE, terminal="the carrier hears of it, outside"):
    """The carrier is asked to take the goods. It answers at the door, by `callback_id`."""

    order_id: str
    address: Address
    callback_id: Annotated[str, Sensitive()]


class OrderCompleted(Event, source=SOURCE):
    """An order is paid for and on its way."""

    order_id: str
    customer_id: str
    total_cents: int
    tracking_id: str


class OrderRejected(Event, source=SOURCE):
    """An order will not be fulfilled; whatever had been done for it is undone."""

    order_id: str
    customer_id: str
    reason: str
