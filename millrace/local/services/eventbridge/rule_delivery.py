"""Delivery of one event from a rule to a target, with retries and a dead-letter queue.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Delivery, Done, Ending, Failure, Policy, rule_pause
from millrace.local.core.errors import TargetError, UnsupportedPolicyError
from millrace.local.core.history import reference
from millrace.local.core.targets import TargetDelivery, attempt, find, send, send_record, service_of
from millrace.local.services.eventbridge.api_destinations import ApiDestinations
from millrace.local.services.eventbridge.target_input import InputTransformError, compact, target_input
from millrace.local.services.iam import Iam, RuleAuthorization

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

MAX_RETRIES = 185
MAX_AGE_SECONDS = 24 * 3600


def retry_policy(target: Mapping[str, Any]) -> Policy:
    """Return the retry policy of a rule's or schedule's target.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
    """
    configured = target.get("RetryPolicy") or {}
    return Policy(
        retries=configured.get("MaximumRetryAttempts", MAX_RETRIES),
        max_age=configured.get("MaximumEventAgeInSeconds", MAX_AGE_SECONDS),
        pause=rule_pause,
    )


class RuleDelivery:
    """Delivers an event with the target's retry policy; on failure, sends it to the target's dead-letter queue."""

    def __init__(self, region: "AccountRegion", api_destinations: ApiDestinations, delivery: TargetDelivery) -> None:
        self._region = region
        self._api_destinations = api_destinations
        self._delivery = delivery
        self._about = reference(delivery.envelope)

    def start(self) -> None:
        """Schedule the first attempt."""
        what = f"{self._delivery.envelope['detail-type']} to {self._delivery.name}"
        policy = retry_policy(self._delivery.target)
        Delivery(self._region.scheduler, what, policy, self._send, self._fail).start()

    def _send(self, done: Done, _attempt: int) -> None:
        delivery = self._delivery
        try:
            message = target_input(delivery.envelope, delivery.target, delivery.rule, delivery.ingested)
        except InputTransformError as error:
            done(Failure("INVALID_JSON", str(error), retriable=False))
            return
        failure = attempt(self._authorize)
        if failure is None and ":api-destination/" in delivery.target["Arn"]:
            self._api_destinations.send(delivery, message, done)
        else:
            done(failure or attempt(lambda: send(self._region, delivery.target, message, delivery)))

    def _authorize(self) -> None:
        """Raise TargetError if the rule may not deliver, LookupError if the target does not exist."""
        arn, envelope = self._delivery.target["Arn"], self._delivery.envelope
        service_of(self._region, arn)
        known = {"events:source": (envelope["source"],), "events:detail-type": (envelope["detail-type"],)}
        refusal = self._rules.refusal(
            self._delivery.target, self._delivery.rule.arn, known if ":event-bus/" in arn else {}
        )
        if refusal:
            find(self._region, arn)
            raise TargetError("NO_PERMISSIONS", refusal)

    @property
    def _rules(self) -> RuleAuthorization:
        return self._region.service(Iam).rules

    def _fail(self, ending: Ending) -> None:
        self._record(f"not delivered to {self._delivery.name}: {ending.failure.code}: {ending.failure.message}")
        queue = (self._delivery.target.get("DeadLetterConfig") or {}).get("Arn")
        if queue:
            self._send_dead_letter(queue, ending)

    def _send_dead_letter(self, queue: str, ending: Ending) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html."""
        try:
            find(self._region, queue)
            refusal = self._rules.refusal({"Arn": queue}, self._delivery.rule.arn)
            if refusal is None:
                send_record(self._region, queue, compact(self._delivery.envelope), self._attributes(ending))
        except (UnsupportedPolicyError, LookupError) as error:
            refusal = str(error.args[0])
        if refusal:
            self._record(f"lost: {refusal}")
        elif self._about:
            self._region.record_dead_letter([self._about], queue, self._delivery.name)

    def _attributes(self, ending: Ending) -> dict[str, str]:
        attributes = {
            "RULE_ARN": self._delivery.rule.arn,
            "TARGET_ARN": self._delivery.target["Arn"],
            "ERROR_CODE": ending.failure.code,
            "ERROR_MESSAGE": ending.failure.message,
            "RETRY_ATTEMPTS": str(ending.retries),
        }
        return attributes | ({"EXHAUSTED_RETRY_CONDITION": ending.exhausted} if ending.exhausted else {})

    def _record(self, error: str) -> None:
        if self._about:
            self._region.history.add("refused", self._about, self._about.event, error=error)
