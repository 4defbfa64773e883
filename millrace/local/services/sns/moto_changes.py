"""Changes to moto's topics."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.services.sns.service import Sns

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

RegionOf = Callable[..., "AccountRegion"]


def apply(region: RegionOf) -> None:
    """Change moto's topics."""
    _deliver_to_subscriptions(region)


def _deliver_to_subscriptions(region: RegionOf) -> None:
    """Moto hands a function an event of examples, within Publish, and lets one missing endpoint fail the publisher."""
    from moto.sns.models import Subscription  # noqa: PLC0415

    publish = Subscription.publish

    def delivered(subscription: Any, message: str, message_id: str, **given: Any) -> None:
        if str(subscription.attributes.get("RawMessageDelivery", "")).lower() == "false":
            del subscription.attributes["RawMessageDelivery"]
        region(subscription.arn).service(Sns).publish(
            subscription, message, message_id, given, lambda: publish(subscription, message, message_id, **given)
        )

    Subscription.publish = delivered
