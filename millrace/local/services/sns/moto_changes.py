"""Changes to moto's topics."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace, when_imported
from millrace.local.services.sns.service import Sns


def apply(region: Callable[..., AccountRegion]) -> None:
    """Apply the change, once SNS is used: moto imports it slowly."""
    when_imported("sns", lambda: _deliver(region))


def _deliver(region: Callable[..., AccountRegion]) -> None:
    """Deliver to subscriptions here: moto sends functions a sample event, and one missing queue fails Publish."""
    from moto.sns.models import Subscription  # noqa: PLC0415

    publish_by_moto = Subscription.publish

    def publish(subscription: Any, message: str, message_id: str, **options: Any) -> None:
        if str(subscription.attributes.get("RawMessageDelivery", "")).lower() == "false":
            del subscription.attributes["RawMessageDelivery"]
        region(subscription.arn).service(Sns).publish(
            subscription,
            message,
            message_id,
            options,
            lambda: publish_by_moto(subscription, message, message_id, **options),
        )

    replace(Subscription, "publish", publish)
