"""Amazon SNS: delivery from a topic to its subscriptions.

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
    """The topics of an account and region. Delivers to functions here; moto delivers to other endpoints."""

    arn_name = "sns"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("sns:Publish",), ("kms:Decrypt", "kms:GenerateDataKey"))
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions."""

    def find(self, arn: str) -> Any:
        """Return moto's topic. Raises LookupError if it does not exist."""
        if arn not in self.region.backends.sns.topics:
            raise LookupError(f"The topic {arn} does not exist.")
        return self.region.backends.sns.topics[arn]

    def deliver(self, message: Message) -> None:
        """Publish a message to a topic."""
        arn = message.target["Arn"]
        self.find(arn)
        attributes = {name: _typed(value) for name, value in message.attributes.items()} or None
        self.region.backends.sns.publish(arn=arn, message=message.body, message_attributes=attributes)

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a topic."""
        return self.region.backends.sns.topics[arn].policy

    def encryption_key(self, arn: str) -> str | None:
        """Return the key of a topic."""
        key: str | None = self.find(arn).kms_master_key_id
        return key

    def publish(
        self, subscription: Any, message: str, message_id: str, options: dict[str, Any], by_moto: Callable[[], None]
    ) -> None:
        """Deliver a message to one subscription. Called on the publisher's thread.

        A missing queue does not fail the publisher.
        """
        from moto.core.exceptions import ServiceException  # noqa: PLC0415 - imported after moto's settings

        if subscription.protocol == "lambda":
            self._deliver_to_function(subscription, message, message_id, options)
            return
        try:
            by_moto()
        except ServiceException:
            if subscription.protocol != "sqs":
                raise
            self._send_dead_letter(subscription, message)

    def _deliver_to_function(self, subscription: Any, message: str, message_id: str, options: dict[str, Any]) -> None:
        matcher = subscription._filter_policy_matcher  # noqa: SLF001 - moto's
        if matcher is not None and not matcher.matches(options.get("message_attributes"), message):
            return
        if options.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, "lambda")  # noqa: SLF001 - moto's
        event = _event(subscription, message, message_id, options, self.region.clock.now())

        def invoke() -> None:
            try:
                send_record(self.region, subscription.endpoint, json.dumps(event))
            except LookupError:
                self._send_dead_letter(subscription, message)

        self.region.scheduler.soon(invoke, "delivery of a topic")

    def _send_dead_letter(self, subscription: Any, message: str) -> None:
        """Send an undeliverable message to the subscription's dead-letter queue, if that exists.

        https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
        """
        policy = subscription.attributes.get("RedrivePolicy")
        if policy:
            queue = (json.loads(policy) if isinstance(policy, str) else policy)["deadLetterTargetArn"]
            with contextlib.suppress(LookupError):  # as on AWS, a message without its dead-letter queue is lost
                send_record(self.region, queue, message)


def _typed(value: str | dict[str, str]) -> dict[str, str]:
    if isinstance(value, str):
        return {"Type": "String", "Value": value}
    return {"Type": value["DataType"], "Value": value["StringValue"]}


def _event(subscription: Any, message: str, message_id: str, options: dict[str, Any], now: float) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html."""
    url = f"https://sns.{subscription.arn.split(':')[3]}.amazonaws.com"
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
                    "Subject": options.get("subject"),
                    "Message": message,
                    "Timestamp": iso_millis(now),
                    "SignatureVersion": "1",
                    "Signature": "",
                    "SigningCertUrl": f"{url}/SimpleNotificationService.pem",
                    "UnsubscribeUrl": f"{url}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
                    "MessageAttributes": options.get("message_attributes") or {},
                },
            }
        ]
    }
