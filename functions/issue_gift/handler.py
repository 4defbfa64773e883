"""Issues the gift of a tier."""

from functions.contracts.loyalty import GiftIssued, Tier, TierUpgraded
from millrace.runtime import processor

GIFTS: dict[Tier, str] = {"silver": "a tea towel", "gold": "a copper kettle"}


@processor
def handler(upgrade: TierUpgraded) -> GiftIssued:
    """Issue one gift per upgrade."""
    return GiftIssued(customer_id=upgrade.customer_id, gift=GIFTS[upgrade.tier])
