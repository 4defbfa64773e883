"""One event on its way from one rule to one target, and the dead letter that it ends as.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
"""

from typing import TYPE_CHECKING

from millrace.local.core.delivery import Delivery, Done, Failure, FinalFailure, RetryPolicy, rule_retry_delay
from millrace.local.core.errors import TargetError, UnsupportedPolicyError
from millrace.local.core.history import reference
from millrace.local.core.targets import TargetDelivery, attempt, find, send, send_record, service_of
from millrace.local.services.eventbridge.api_destinations import ApiDestinations
from millrace.local.services.eventbridge.inputs import BadInput, compact, shaped
from millrace.local.services.iam import Iam, RuleAuthorization

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

RULE_RETRIES = 185
RULE_MAX_AGE = 24 * 3600
"""Retries and seconds. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""


class RuleDelivery:
    """Delivers by the target's own retry policy, into its own dead-letter queue when that fails."""

    def __init__(self, region: "AccountRegion", api_destinations: ApiDestinations, delivery: TargetDelivery) -> None:
        self._region = region
        self._api_destinations = api_destinations
        self._delivery = delivery
        self._about = reference(delivery.envelope)

    def start(self) -> None:
        """Put the first attempt on the agenda."""
        retry = self._delivery.target.get("RetryPolicy") or {}
        policy = RetryPolicy(
            retries=retry.get("MaximumRetryAttempts", RULE_RETRIES),
            max_age=retry.get("MaximumEventAgeInSeconds", RULE_MAX_AGE),
            delay=rule_retry_delay,
        )
        what = f"{self._delivery.envelope['detail-type']} to {self._delivery.name}"
        Delivery(self._region.scheduler, what, policy, self._send, self._give_up).start()

    def _send(self, done: Done, _attempt: int) -> None:
        delivery = self._delivery
        try:
            message = shaped(delivery.envelope, delivery.target, delivery.rule, delivery.ingested)
        except BadInput as error:
            done(Failure("INVALID_JSON", str(error), retriable=False))
        else:
            self._send_message(message, done)

    def _send_message(self, message: str, done: Done) -> None:
        delivery = self._delivery
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
        of_event = known if ":event-bus/" in arn else {}
        refusal = self._rules.refusal(self._delivery.target, self._delivery.rule.arn, of_event)
        if refusal:
            find(self._region, arn)
            raise TargetError("NO_PERMISSIONS", refusal)

    @property
    def _rules(self) -> RuleAuthorization:
        return self._region.service(Iam).rules

    def _give_up(self, ending: FinalFailure) -> None:
        failure = f"{ending.failure.code}: {ending.failure.message}"
        self._remember(f"not delivered to {self._delivery.name}: {failure}")
        queue = (self._delivery.target.get("DeadLetterConfig") or {}).get("Arn")
        if queue:
            self._dead_letter(queue, ending)

    def _dead_letter(self, queue: str, ending: FinalFailure) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html."""
        try:
            find(self._region, queue)
            refusal = self._rules.refusal({"Arn": queue}, self._delivery.rule.arn)
            if refusal is None:
                send_record(self._region, queue, compact(self._delivery.envelope), self._attributes(ending))
        except (UnsupportedPolicyError, LookupError) as error:
            refusal = str(error.args[0])
        if refusal:
            self._remember(f"lost: {refusal}")
            return
        if self._about:
            self._region.record_dead_letter([self._about], queue, self._delivery.name)

    def _attributes(self, ending: FinalFailure) -> dict[str, str]:
        attributes = {
            "RULE_ARN": self._delivery.rule.arn,
            "TARGET_ARN": self._delivery.target["Arn"],
            "ERROR_CODE": ending.failure.code,
            "ERROR_MESSAGE": ending.failure.message,
            "RETRY_ATTEMPTS": str(ending.retries),
        }
        return attributes | ({"EXHAUSTED_RETRY_CONDITION": ending.exhausted} if ending.exhausted else {})

    def _remember(self, error: str) -> None:
        if self._about:
            self._region.history.add("refused", self._about, self._about.event, error=error)
