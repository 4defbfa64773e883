"""What the loyalty context says."""

from typing import Literal

from millrace.events import Event

SOURCE = "shop.loyalty"
Tier = Literal["silver", "gold"]


class PointsAwarded(Event, source=SOURCE):
    """A customer earned points; `total` is what there is now."""

    customer_id: str
    points: int
    total: int


class TierUpgraded(Event, source=SOURCE):
    """A customer rose to a tier."""

    customer_id: str
    tier: Tier


class GiftIssued(Event, source=SOURCE, terminal="the gift is the end of it"):
    """A customer is sent a gift."""

    customer_id: str
    gift: str
