"""Events of the loyalty context."""

from typing import Literal

from millrace.events import Event

SOURCE = "shop.loyalty"
Tier = Literal["silver", "gold"]


class PointsAwarded(Event, source=SOURCE):
    """A customer earned points; `total` is the new balance."""

    customer_id: str
    points: int
    total: int


class TierUpgraded(Event, source=SOURCE):
    """A customer reached a tier."""

    customer_id: str
    tier: Tier


class GiftIssued(Event, source=SOURCE, terminal="no process follows a gift"):
    """A gift was sent to a customer."""

    customer_id: str
    gift: str
