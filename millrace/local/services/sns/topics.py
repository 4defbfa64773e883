"""SNS topics: from a message to the endpoints of its subscriptions.

https://docs.aws.amazon.com/sns/latest/dg/sns-event-destinations.html
"""

import contextlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.core.clock import iso_millis
from millrace.local.services import sqs as queues

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Attributes = dict[str, dict[str, str]]


class Topics:
    """Delivers messages to functions; to queues moto does, of which a missing one must not fail the publisher."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region

    def deliver(
        self, subscription: Any, message: str, message_id: str, given: dict[str, Any], by_moto: Callable[[], None]
    ) -> None:
        """Deliver a message to one subscription. Called on the thread of whoever publishes."""
        if subscription.protocol == "lambda":
            self._to_function(subscription, message, message_id, given)
        elif subscription.protocol == "sqs":
            self._to_queue(subscription, message, by_moto)
        else:
            by_moto()

    def _to_queue(self, subscription: Any, message: str, by_moto: Callable[[], None]) -> None:
        from moto.core.exceptions import ServiceException  # noqa: PLC0415 - as in state.py

        try:
            by_moto()
        except ServiceException:
            self._to_dead_letters(subscription, message)

    def _to_function(self, subscription: Any, message: str, message_id: str, given: dict[str, Any]) -> None:
        matcher = subscription._filter_policy_matcher  # noqa: SLF001 - moto's
        attributes = given.get("message_attributes")
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if given.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, "lambda")  # noqa: SLF001 - moto's
        event = _event(subscription, message, message_id, given, self._region.clock.now())
        self._region.scheduler.soon(lambda: self._invoke(subscription, message, event), "delivery of a topic")

    def _invoke(self, subscription: Any, message: str, event: dict[str, Any]) -> None:
        functions = self._region.functions
        try:
            function = functions.find(subscription.endpoint)
        except LookupError:
            self._to_dead_letters(subscription, message)
            return
        functions.invoke_async(function, json.dumps(event).encode())

    def _to_dead_letters(self, subscription: Any, message: str) -> None:
        """What cannot be delivered goes to the subscription's own queue, or is lost.

        https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
        """
        policy = subscription.attributes.get("RedrivePolicy")
        if policy:
            read = json.loads(policy) if isinstance(policy, str) else policy
            with contextlib.suppress(LookupError):  # the letter of a queue that is gone too is lost
                queues.send(self._region.backends, read["deadLetterTargetArn"], message)

    def send_dead_letter(self, arn: str, message: str, attributes: Attributes) -> None:
        """Send a function's dead letter to its queue or topic. Raises LookupError where there is none."""
        if arn.split(":")[2] == "sqs":
            queues.send(self._region.backends, arn, message, attributes)
            return
        self._region.backends.topic(arn)
        told = {name: {"Type": each["DataType"], "Value": each["StringValue"]} for name, each in attributes.items()}
        self._region.backends.sns.publish(arn=arn, message=message, message_attributes=told)


def _event(subscription: Any, message: str, message_id: str, given: dict[str, Any], now: float) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html."""
    region = subscription.arn.split(":")[3]
    return {
        "Records": [
            {
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription.arn,
                "EventSource": "aws:sns",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": message_id,
                    "TopicArn": subscription.topic.arn,
                    "Subject": given.get("subject"),
                    "Message": message,
                    "Timestamp": iso_millis(now),
                    "SignatureVersion": "1",
                    "Signature": "",
                    "SigningCertUrl": f"https://sns.{region}.amazonaws.com/SimpleNotificationService.pem",
                    "UnsubscribeUrl": f"https://sns.{region}.amazonaws.com/?Action=Unsubscribe"
                    f"&SubscriptionArn={subscription.arn}",
                    "MessageAttributes": given.get("message_attributes") or {},
                },
            }
        ]
    }
