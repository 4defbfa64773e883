"""What moto's topics, buckets and log groups do otherwise here."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

RegionOf = Callable[..., "AccountRegion"]
_tagging = threading.local()


def apply(region: RegionOf) -> None:
    """Change moto's topics, buckets and log groups."""
    _deliver_to_subscriptions(region)
    _notify_of_objects(region)
    _tag_quietly()
    _refuse_log_subscriptions()


def _deliver_to_subscriptions(region: RegionOf) -> None:
    """Moto hands a function an event of examples, within Publish, and lets one missing endpoint fail the publisher."""
    from moto.sns.models import Subscription  # noqa: PLC0415

    publish = Subscription.publish

    def delivered(subscription: Any, message: str, message_id: str, **given: Any) -> None:
        if str(subscription.attributes.get("RawMessageDelivery", "")).lower() == "false":
            del subscription.attributes["RawMessageDelivery"]
        region(subscription.arn).topics.deliver(
            subscription, message, message_id, given, lambda: publish(subscription, message, message_id, **given)
        )

    Subscription.publish = delivered


def _notify_of_objects(region: RegionOf) -> None:
    """Moto sends an event of examples to the rules of every bus, past their transformers, and hides what fails."""
    from moto.s3 import notifications  # noqa: PLC0415

    def send_event(_account: str, event_name: Any, bucket: Any, key: Any) -> None:
        if event_name.startswith("s3:ObjectTagging:Put") and not getattr(_tagging, "asked", False):
            return
        if bucket.notification_configuration is not None and key is not None:
            where = f"arn:aws:s3:{bucket.region_name}:{bucket.account_id}:{bucket.name}"
            region(where).buckets.notify(event_name, bucket, key)

    notifications.send_event = send_event


def _tag_quietly() -> None:
    """Moto tells of tags at each PutObject; only PutObjectTagging does on AWS."""
    from moto.s3.responses import S3Response  # noqa: PLC0415

    answer = S3Response.put_object_tagging

    def put_object_tagging(response: Any) -> Any:
        _tagging.asked = True
        try:
            return answer(response)
        finally:
            _tagging.asked = False

    S3Response.put_object_tagging = put_object_tagging


def _refuse_log_subscriptions() -> None:
    """Moto pushes log events into functions within PutLogEvents; the plane delivers none, so none may be asked for."""
    from moto.logs.exceptions import InvalidParameterException  # noqa: PLC0415
    from moto.logs.models import LogsBackend  # noqa: PLC0415

    def put_subscription_filter(_backend: Any, log_group_name: str, *_args: Any, **_kwargs: Any) -> None:
        told = "the local cloud delivers no log events, so it takes no subscription filter"
        raise InvalidParameterException(constraint=told, parameter="logGroupName", value=log_group_name)

    LogsBackend.put_subscription_filter = put_subscription_filter
