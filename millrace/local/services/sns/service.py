"""SNS topics: from a message to the endpoints of its subscriptions.

https://docs.aws.amazon.com/sns/latest/dg/sns-event-destinations.html
"""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from millrace.local.core.clock import iso_millis
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message, send_record


class Sns(Service):
    """Delivers messages to functions; to queues moto does, of which a missing one must not fail the publisher."""

    arn_name = "sns"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("sns:Publish",), ("kms:Decrypt", "kms:GenerateDataKey"))
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions."""

    def find(self, arn: str) -> Any:
        """Return moto's topic of an ARN. Raises LookupError."""
        if arn not in self.region.backends.sns.topics:
            raise LookupError(f"The topic {arn} does not exist.")
        return self.region.backends.sns.topics[arn]

    def deliver(self, message: Message) -> None:
        """Publish a message to a topic."""
        self.find(message.target["Arn"])
        typed = {name: _typed(value) for name, value in message.attributes.items()}
        self.region.backends.sns.publish(
            arn=message.target["Arn"], message=message.body, message_attributes=typed or None
        )

    def resource_policy(self, arn: str) -> Any:
        """The policy of a topic."""
        return self.region.backends.sns.topics[arn].policy

    def encryption_key(self, arn: str) -> str | None:
        """The key of a topic."""
        key: str | None = self.find(arn).kms_master_key_id
        return key

    def publish(
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
        event = _event(subscription, message, message_id, given, self.region.clock.now())
        self.region.scheduler.soon(lambda: self._invoke(subscription, message, event), "delivery of a topic")

    def _invoke(self, subscription: Any, message: str, event: dict[str, Any]) -> None:
        try:
            send_record(self.region, subscription.endpoint, json.dumps(event))
        except LookupError:
            self._to_dead_letters(subscription, message)

    def _to_dead_letters(self, subscription: Any, message: str) -> None:
        """What cannot be delivered goes to the subscription's own queue, or is lost.

        https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
        """
        policy = subscription.attributes.get("RedrivePolicy")
        if policy:
            read = json.loads(policy) if isinstance(policy, str) else policy
            with contextlib.suppress(LookupError):  # the letter of a queue that is gone too is lost
                send_record(self.region, read["deadLetterTargetArn"], message)


def _typed(value: str | dict[str, str]) -> dict[str, str]:
    if isinstance(value, str):
        return {"Type": "String", "Value": value}
    return {"Type": value["DataType"], "Value": value["StringValue"]}


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
