"""Amazon SNS: delivery from a topic to its subscriptions.

https://docs.aws.amazon.com/sns/latest/dg/sns-event-destinations.html
"""

import contextlib
import json
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import ApiError
from millrace.local.core.http import Request, Response
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message, find, send_record
from millrace.local.core.unsupported import error_response
from millrace.local.services.iam import Iam, Permission, form_of
from millrace.local.services.sns.filter_policies import passes
from millrace.local.services.sns.http_endpoints import HttpEndpoints
from millrace.local.services.sns.notifications import Notification
from millrace.local.services.sns.validation import Validation

_DELIVERED = ("firehose", "http", "https", "lambda", "sqs")


class Sns(Service):
    """The topics of an account and region. Delivers to functions, queues, delivery streams and HTTP endpoints.

    moto records the messages for telephones and mobile apps; e-mail is not sent.
    """

    arn_name = "sns"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("sns:Publish",), ("kms:Decrypt", "kms:GenerateDataKey"))
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions."""

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._validation = Validation(region)

    def reject(self, request: Request) -> Response | None:
        """Return the error of a request that SNS rejects."""
        form = form_of(request)
        try:
            if "Action" in form:
                self._validation.check(form)
        except ApiError as error:
            return error_response(request, error.code, error.message, error.status)
        return None

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
        if subscription.protocol not in _DELIVERED:
            by_moto()
        elif passes(subscription, options.get("message_attributes") or {}, message):
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
                failed = partial(self._send_dead_letter, notification)
                self._http.deliver(notification, failed)

    def _put_record(self, notification: Notification) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-firehose-as-subscriber.html."""
        subscription = notification.subscription
        text, put = f"{notification.text()}\n", Permission("firehose:PutRecord", subscription.endpoint, {})
        role, access = subscription.attributes.get("SubscriptionRoleArn"), self.region.service(Iam).access

        def deliver() -> None:
            if access.enforce_iam and (not role or access.denied(role, "sns", put)):
                self._send_dead_letter(notification)
                return
            try:
                send_record(self.region, subscription.endpoint, text)
            except LookupError:
                self._send_dead_letter(notification)

        self.region.scheduler.soon(deliver, "delivery of a topic")

    def _invoke(self, notification: Notification) -> None:
        event = json.dumps(notification.event())

        def invoke() -> None:
            try:
                send_record(self.region, notification.subscription.endpoint, event)
            except LookupError:
                self._send_dead_letter(notification)

        self.region.scheduler.soon(invoke, "delivery of a topic")

    def _send(self, notification: Notification) -> None:
        from moto.core.exceptions import ServiceException

        try:
            self._send_to(notification.subscription.endpoint, notification)
        except (LookupError, ServiceException):
            self._send_dead_letter(notification)

    def _send_to(self, arn: str, notification: Notification) -> None:
        """Send a notification to a queue. Raises LookupError, ServiceException."""
        options = notification.options
        queue, owner = find(self.region, arn), self.region.owner(arn)
        (owner or self.region).backends.sqs.send_message(
            queue.name,
            notification.text(indent=2),
            message_attributes=notification.queue_attributes() if notification.is_raw else None,
            deduplication_id=options.get("deduplication_id") if queue.fifo_queue else None,
            group_id=options.get("group_id"),
        )

    def _send_dead_letter(self, notification: Notification) -> None:
        """Send an undeliverable message to the subscription's dead-letter queue, if that exists.

        https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
        """
        policy = notification.subscription.attributes.get("RedrivePolicy")
        if policy:
            queue = (json.loads(policy) if isinstance(policy, str) else policy)["deadLetterTargetArn"]
            with contextlib.suppress(LookupError):  # as on AWS, a message without its dead-letter queue is lost
                self._send_to(queue, notification)


def _typed(value: str | dict[str, str]) -> dict[str, str]:
    if isinstance(value, str):
        return {"Type": "String", "Value": value}
    return {"Type": value["DataType"], "Value": value["StringValue"]}
