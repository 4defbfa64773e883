"""Validation of SNS requests before moto answers them, with SNS's own error messages.

https://docs.aws.amazon.com/sns/latest/api/API_Operations.html
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import jackson_error, jackson_source
from millrace.local.core.targets import find
from millrace.local.services.sns.messages import Form, check_message, check_size, invalid, members
from millrace.patterns import InvalidPatternError, compile_pattern

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_MAX_ENTRIES, _ARN_PARTS = 10, 6
_PROTOCOLS = {"http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"}
_SCOPES = {"MessageAttributes", "MessageBody"}
SUBSCRIPTION_ATTRIBUTES = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
)


class Validation:
    """Checks by operation."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._checks: Mapping[str, Callable[[Form], None]] = {
            "CreateTopic": self._check_new_topic,
            "Publish": self._check_publish,
            "PublishBatch": self._check_batch,
            "Subscribe": self._check_subscribe,
            "SetSubscriptionAttributes": self._check_attribute,
        }

    def check(self, form: Form) -> None:
        """Raise ApiError for a request that SNS rejects."""
        arn = form.get("TopicArn")
        parts = len((arn or "").split(":"))
        if arn is not None and parts < _ARN_PARTS:
            raise invalid(f"TopicArn Reason: An ARN must have at least {_ARN_PARTS} elements, not {parts}")
        if check := self._checks.get(form["Action"]):
            check(form)

    def _check_new_topic(self, form: Form) -> None:
        tags = [(tag.get("Key", ""), tag.get("Value", "")) for tag in members(form, "Tags.member")]
        if len(dict(tags)) < len(tags):
            raise invalid("Duplicated keys are not allowed.")
        arn = f"arn:aws:sns:{self._region.name}:{self._region.account}:{form.get('Name')}"
        topic = self._region.backends.sns.topics.get(arn)
        if tags and topic is not None and not set(tags) <= set(topic._tags.items()):  # noqa: SLF001 - moto's
            raise invalid("Tags Reason: Topic already exists with different tags")

    def _check_publish(self, form: Form) -> None:
        arn = form.get("TargetArn") or form.get("TopicArn")
        if arn and ":endpoint/" in arn:
            if arn not in self._region.backends.sns.platform_endpoints:
                raise invalid("TargetArn Reason: No endpoint found for the target arn specified")
            return
        check_message(self._topic(arn) if arn else None, form)

    def _check_batch(self, form: Form) -> None:
        topic = self._topic(form["TopicArn"])
        entries = members(form, "PublishBatchRequestEntries.member")
        ids = [entry.get("Id") for entry in entries]
        if not entries:
            raise ApiError("EmptyBatchRequest", "The batch request doesn't contain any entries.")
        if len(entries) > _MAX_ENTRIES:
            message = "The batch request contains more entries than permissible."
            raise ApiError("TooManyEntriesInBatchRequest", message)
        if len(set(ids)) < len(ids):
            raise ApiError("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id.")
        for entry in entries:
            check_message(topic, entry)
        check_size(entries)

    def _topic(self, arn: str) -> Any:
        try:
            return find(self._region, arn)
        except LookupError:
            raise ApiError("NotFound", "Topic does not exist", 404) from None

    def _check_subscribe(self, form: Form) -> None:
        protocol = form.get("Protocol", "")
        if protocol not in _PROTOCOLS:
            raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
        for attribute in members(form, "Attributes.entry"):
            _check_value(attribute.get("key", ""), attribute.get("value", ""), "Attributes Reason: ")

    def _check_attribute(self, form: Form) -> None:
        arn, name, value = (form.get(key, "") for key in ("SubscriptionArn", "AttributeName", "AttributeValue"))
        if name not in SUBSCRIPTION_ATTRIBUTES:
            raise invalid("AttributeName")
        subscription = self._region.backends.sns.subscriptions.get(arn)
        if subscription is None:
            raise ApiError("NotFound", "Subscription does not exist", 404)
        _check_value(name, value)
        if name == "RedrivePolicy" and value:
            _check_fifo_queue(subscription, json.loads(value))


def _check_value(name: str, value: str, reason: str = "") -> None:
    error_of = partial(invalid, f"{reason}{name}: ")
    if name == "RawMessageDelivery" and value.lower() not in ("true", "false"):
        raise error_of(f"Invalid value [{value}]. Must be true or false.")
    if name == "FilterPolicyScope" and value not in _SCOPES:
        raise error_of(f"Invalid value [{value}]. Please use either MessageBody or MessageAttributes")
    if name not in ("FilterPolicy", "RedrivePolicy") or not value:
        return
    try:
        policy = json.loads(value)
    except json.JSONDecodeError as error:
        reason = f"{jackson_error(value, error)}\n at {jackson_source(value, error)}"
        raise error_of(f"failed to parse JSON. {reason}") from None
    if name == "RedrivePolicy" and not str(policy.get("deadLetterTargetArn")).startswith("arn:"):
        raise error_of("deadLetterTargetArn is an invalid arn")
    if name == "FilterPolicy" and policy and _is_flat(policy):
        _check_filter(value, error_of)


def _is_flat(policy: Mapping[str, Any]) -> bool:
    """Return whether a policy has no nested keys; moto checks that its scope allows them."""
    return not any(isinstance(rules, dict) for rules in policy.values())


def _check_filter(text: str, error_of: Callable[[str], ApiError]) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html."""
    try:
        compile_pattern(text)
    except InvalidPatternError as error:
        raise error_of(error.reason) from error


def _check_fifo_queue(subscription: Any, policy: Mapping[str, str]) -> None:
    fifo = subscription.endpoint.endswith(".fifo")
    if fifo and not policy["deadLetterTargetArn"].endswith(".fifo"):
        message = "must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        raise invalid(f"RedrivePolicy: {message}")
