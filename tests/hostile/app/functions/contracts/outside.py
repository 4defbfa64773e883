"""What guests say."""

from typing import Annotated

from pydantic import BaseModel, Field

from millrace.events import Event, Sensitive


class Passport(BaseModel):
    """Who somebody is."""

    number: Annotated[str, Sensitive()]
    country: str


class GuestArrived(Event, source="test.guests", external=True, version=2):
    """Somebody is at the door."""

    key: str
    name: str
    card: Annotated[str, Sensitive()]
    passports: list[Passport] = Field(default_factory=list)


@GuestArrived.upcaster(from_version=1)
def _with_card(data: dict[str, object]) -> dict[str, object]:
    """Cards were numbers once."""
    return {**data, "card": f"{data['card_number']:d}"}


class MealOrdered(Event, source="test.guests", external=True):
    """Somebody is hungry."""

    key: str
    cents: int = Field(ge=0, le=100_000)
