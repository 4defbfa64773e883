"""Events that guests publish."""

from typing import Annotated

from pydantic import BaseModel, Field

from millrace.events import Event, Sensitive


class Passport(BaseModel):
    """A passport."""

    number: Annotated[str, Sensitive()]
    country: str


class GuestArrived(Event, source="test.guests", external=True, version=2):
    """A guest arrived."""

    key: str
    name: str
    card: Annotated[str, Sensitive()]
    passports: list[Passport] = Field(default_factory=list)


@GuestArrived.upcaster(from_version=1)
def _with_card(data: dict[str, object]) -> dict[str, object]:
    """Version 1 had the card as a number."""
    return {**data, "card": f"{data['card_number']:d}"}


class MealOrdered(Event, source="test.guests", external=True):
    """A guest ordered a meal."""

    key: str
    cents: int = Field(ge=0, le=100_000)
