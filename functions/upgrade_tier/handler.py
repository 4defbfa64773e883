"""Upgrades customers to the tier of their points."""

from functions.contracts.loyalty import PointsAwarded, Tier, TierUpgraded
from millrace.runtime import processor

THRESHOLDS: tuple[tuple[int, Tier], ...] = ((1000, "gold"), (100, "silver"))


@processor
def handler(awarded: PointsAwarded) -> TierUpgraded | None:
    """Upgrade the customer if the new points crossed a threshold."""
    tier = _tier(awarded.total)
    if tier is None or tier == _tier(awarded.total - awarded.points):
        return None
    return TierUpgraded(customer_id=awarded.customer_id, tier=tier)


def _tier(total: int) -> Tier | None:
    return next((tier for threshold, tier in THRESHOLDS if total >= threshold), None)
