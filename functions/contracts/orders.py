"""Events of the orders context."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from millrace.events import Event, Sensitive


class Part(BaseModel):
    """A part of an event, immutable and strictly validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Line(Part):
    """A quantity of one article."""

    sku: str
    quantity: int = Field(gt=0)
    unit_price_cents: int = Field(ge=0)


class Address(Part):
    """A shipping address; `country` is ISO 3166-1 alpha-2."""

    name: str
    street: str
    city: str
    country: str = Field(pattern=r"^[A-Z]{2}$")


class PlaceOrder(Event, source="shop.checkout", external=True):
    """A command: place this order. `card` is a token of the payment provider, not a card number."""

    order_id: str
    customer_id: str
    lines: tuple[Line, ...] = Field(min_length=1)
    card: Annotated[str, Sensitive()]
    address: Address


class OrderPlaced(Event, source="shop.orders"):
    """A customer has placed an order."""

    order_id: str
    customer_id: str
    lines: tuple[Line, ...] = Field(min_length=1)
    total_cents: int = Field(ge=0)
    card: Annotated[str, Sensitive()]
    address: Address
