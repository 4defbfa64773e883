"""Amazon SNS: delivery from a topic to its subscriptions.

https://docs.aws.amazon.com/sns/latest/dg/sns-event-destinations.html
"""

import contextlib
import json
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message, find, send_record
from millrace.local.services.iam import Iam, Permission
from millrace.local.services.sns.http_endpoints import HttpEndpoints
from millrace.local.services.sns.notifications import Notification

_DELIVERED = ("firehose", "http", "https", "lambda", "sqs")


class Sns(Service):
    """The topics of an account and region. Delivers to functions, queues, delivery streams and HTTP endpoints.

    moto records the messages for telephones and mobile apps; e-mail is not sent.
    """

    arn_name = "sns"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("sns:Publish",), ("kms:Decrypt", "kms:GenerateDataKey"))
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions."""

    @cached_property
    def _http(self) -> HttpEndpoints:
        return HttpEndpoints(self.region)

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
        matcher = subscription._filter_policy_matcher  # noqa: SLF001 - moto's
        if subscription.protocol not in _DELIVERED:
            by_moto()
        elif matcher is None or matcher.matches(options.get("message_attributes"), message):
            self._deliver(subscription, message, message_id, options)

    def _deliver(self, subscription: Any, message: str, message_id: str, options: dict[str, Any]) -> None:
        if options.get("message_structure") == "json":
            message = subscription._parse_message_structure(message, subscription.protocol)  # noqa: SLF001 - moto's
        notification = Notification(subscription, message, message_id, options, self.region.clock.now())
        match subscription.protocol:
            case "lambda":
                self._invoke(notification)
            case "sqs":
                self._send(notification)
            case "firehose":
                self._put_record(notification)
            case _:
                failed = partial(self._send_dead_letter, subscription, message)
                self._http.deliver(notification, failed)

    def _put_record(self, notification: Notification) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-firehose-as-subscriber.html."""
        subscription = notification.subscription
        body = notification.message if notification.is_raw else json.dumps(notification.body())
        put = Permission("firehose:PutRecord", subscription.endpoint, {})
        role, access = subscription.attributes.get("SubscriptionRoleArn"), self.region.service(Iam).access

        def deliver() -> None:
            if access.enforce_iam and (not role or access.denied(role, "sns", put)):
                self._send_dead_letter(subscription, notification.message)
                return
            try:
                send_record(self.region, subscription.endpoint, f"{body}\n")
            except LookupError:
                self._send_dead_letter(subscription, notification.message)

        self.region.scheduler.soon(deliver, "delivery of a topic")

    def _invoke(self, notification: Notification) -> None:
        event = json.dumps(notification.event())

        def invoke() -> None:
            try:
                send_record(self.region, notification.subscription.endpoint, event)
            except LookupError:
                self._send_dead_letter(notification.subscription, notification.message)

        self.region.scheduler.soon(invoke, "delivery of a topic")

    def _send(self, notification: Notification) -> None:
        from moto.core.exceptions import ServiceException  # noqa: PLC0415 - imported after moto's settings

        subscription, options, raw = notification.subscription, notification.options, notification.is_raw
        try:
            queue, owner = find(self.region, subscription.endpoint), self.region.owner(subscription.endpoint)
            (owner or self.region).backends.sqs.send_message(
                queue.name,
                notification.message if raw else json.dumps(notification.body(), indent=2),
                message_attributes=notification.queue_attributes() if raw else None,
                deduplication_id=options.get("deduplication_id"),
                group_id=options.get("group_id"),
            )
        except (LookupError, ServiceException):
            self._send_dead_letter(subscription, notification.message)

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
