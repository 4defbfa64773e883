"""Changes to moto's topics and subscriptions."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.json_text import is_true
from millrace.local.core.moto_patches import replace, when_imported
from millrace.local.services.sns.fifo import content_hash, key_of, messages_of
from millrace.local.services.sns.service import Sns

_RETRIES = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_DELIVERY_POLICY = {
    "http": {
        "defaultHealthyRetryPolicy": _RETRIES,
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }
}
"""https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html"""
_STORED = {
    "ArchivePolicy": "archive_policy",
    "FifoThroughputScope": "fifo_throughput_scope",
    "SignatureVersion": "signature_version",
    "TracingConfig": "tracing_config",
}
"""Attributes that moto stores and does not return."""


def apply(region: Callable[..., AccountRegion]) -> None:
    """Apply every change, once SNS is used: moto imports it slowly."""
    when_imported("sns", lambda: _change(region))


def _change(region: Callable[..., AccountRegion]) -> None:
    _deliver(region)
    _number_messages(region)
    _complete_attributes()
    _undo_rejected_subscriptions()


def _undo_rejected_subscriptions() -> None:
    """moto keeps a subscription whose attributes it rejects."""
    from moto.sns.exceptions import SNSInvalidParameter
    from moto.sns.responses import SNSResponse

    by_moto = SNSResponse.subscribe

    def subscribe(response: Any) -> Any:
        subscriptions = response.backend.subscriptions
        known = set(subscriptions)
        try:
            return by_moto(response)
        except SNSInvalidParameter as error:
            for arn in subscriptions.keys() - known:
                del subscriptions[arn]
            message = str(error.message).replace(": FilterPolicy", ": Attributes Reason: FilterPolicy", 1)
            raise SNSInvalidParameter(message) from error

    replace(SNSResponse, "subscribe", subscribe)


def _deliver(region: Callable[..., AccountRegion]) -> None:
    """Deliver to subscriptions here: moto sends functions a sample event, and one missing queue fails Publish."""
    from moto.sns.models import Subscription

    publish_by_moto = Subscription.publish

    def publish(subscription: Any, message: str, message_id: str, **options: Any) -> None:
        region(subscription.arn).service(Sns).publish(
            subscription,
            message,
            message_id,
            options,
            lambda: publish_by_moto(subscription, message, message_id, **options),
        )

    replace(Subscription, "publish", publish)


def _number_messages(region: Callable[..., AccountRegion]) -> None:
    """Number the messages of FIFO topics and drop duplicates; moto does neither."""
    from moto.sns.models import SNSBackend, Topic
    from moto.sns.responses import SNSResponse

    publish_by_moto, batch_by_moto, respond_by_moto = Topic.publish, SNSBackend.publish_batch, SNSResponse.publish

    def publish(topic: Any, message: str, *args: Any, **options: Any) -> str:
        if not is_true(topic.fifo_topic):
            return str(publish_by_moto(topic, message, *args, **options))
        options["deduplication_id"] = options.get("deduplication_id") or content_hash(message)
        key, now = key_of(topic, options["group_id"], options["deduplication_id"]), region(topic.arn).clock.now()
        if duplicate := messages_of(topic).duplicate(key, now):
            return duplicate.message_id
        message_id = str(uuid.uuid4())
        number = messages_of(topic).add(key, message_id, now).sequence_number
        for subscription in topic.sns_backend.list_subscriptions_by_topic(topic_arn=topic.arn)[0]:
            subscription.publish(message, message_id, sequence_number=number, **options)
        return message_id

    def publish_batch(backend: Any, topic_arn: str, publish_batch_request_entries: Any) -> Any:
        successful, failed = batch_by_moto(backend, topic_arn, publish_batch_request_entries)
        topic = backend.get_topic(topic_arn)
        numbered = [{**each, **_number(topic, each["MessageId"])} for each in successful]
        return numbered, failed

    def respond(response: Any) -> Any:
        answer = respond_by_moto(response)
        arn = response._get_param("TopicArn") or response._get_param("TargetArn")
        topic = response.backend.topics.get(arn)
        answer.result.update(_number(topic, answer.result["MessageId"]) if topic else {})
        return answer

    replace(Topic, "publish", publish)
    replace(SNSBackend, "publish_batch", publish_batch)
    replace(SNSResponse, "publish", respond)


def _number(topic: Any, message_id: str) -> dict[str, str]:
    return {"SequenceNumber": messages_of(topic).sequence_number(message_id)} if is_true(topic.fifo_topic) else {}


def _complete_attributes() -> None:
    """Return the attributes of topics and subscriptions that moto drops, and AWS's default delivery policy."""
    from moto.sns.models import SNSBackend
    from moto.sns.responses import SNSResponse

    topic_by_moto, subscription_by_moto = SNSResponse.get_topic_attributes, SNSBackend.get_subscription_attributes

    def get_topic_attributes(response: Any) -> Any:
        answer = topic_by_moto(response)
        attributes = answer.result["Attributes"]
        topic = response.backend.get_topic(attributes["TopicArn"])
        if not attributes["DeliveryPolicy"]:
            del attributes["DeliveryPolicy"]
            attributes["EffectiveDeliveryPolicy"] = json.dumps(_DELIVERY_POLICY)
        stored = {name: getattr(topic, stored, None) for name, stored in _STORED.items()}
        attributes.update({name: value for name, value in stored.items() if value is not None})
        return answer

    def get_subscription_attributes(backend: Any, arn: str) -> dict[str, Any]:
        return {
            "SubscriptionPrincipal": f"arn:aws:iam::{backend.account_id}:root",
            **subscription_by_moto(backend, arn),
        }

    replace(SNSResponse, "get_topic_attributes", get_topic_attributes)
    replace(SNSBackend, "get_subscription_attributes", get_subscription_attributes)
