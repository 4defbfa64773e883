"""Subscribers outside the app: a webhook, a queue or a topic of others, a bus of another account or region.

A subscriber belongs to the stack that creates it; the publisher's stack does not change.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import jsii
from aws_cdk import Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE_ACTIONS
from millrace.constructs.bus.rules import rule_retry_policy
from millrace.constructs.failure.dead_letters import allow_eventbridge_to_send, dead_letter_queue
from millrace.constructs.function.project import record_source_location
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.events import Event

KEY_HEADER = "X-Api-Key"
_CLOUDEVENT_HEADERS = {
    "ce-specversion": "1.0",
    "ce-id": "$.detail.metadata.event_id",
    "ce-source": "$.source",
    "ce-type": "$.detail-type",
    "ce-time": "$.detail.metadata.occurred_at",
    "ce-correlationid": "$.detail.metadata.correlation_id",
}


class SubscriberUnreachableError(ValueError):
    """EventBridge cannot deliver to a subscriber."""


class SubscriberTarget(ABC):
    """Where the events of a subscriber are delivered."""

    @abstractmethod
    def rule_target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:
        """Return the rule target; events that it cannot take go to `dead_letters`."""


class Subscriber(Construct):
    """A subscriber outside the app: rules for its events, retried for a day, and a dead-letter queue."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        events: Sequence[type[Event]],
        target: SubscriberTarget,
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=self.node.id)
        bus.add_rules(self, events, [target.rule_target(self, bus, self.dead_letters)])
        Alarms(self, bus.alarm_topic).dead_letters(self.dead_letters)


@dataclass(frozen=True)
class Webhook(SubscriberTarget):
    """An HTTPS endpoint, called with each event as a CloudEvent in binary mode.

    Calls carry an API key in the header `X-Api-Key`: the value of `secret`, or of a new secret. `rate_limit` is in
    calls per second. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
    """

    url: str
    secret: secrets.ISecret | None = None
    rate_limit: int = 300

    def rule_target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:
        """Return an API destination with its connection."""
        key = self.secret or _secret(scope, bus)
        authorization = events.Authorization.api_key(KEY_HEADER, key.secret_value)
        destination = events.ApiDestination(
            scope,
            "Destination",
            connection=events.Connection(scope, "Connection", authorization=authorization),
            endpoint=self.url,
            rate_limit_per_second=self.rate_limit,
        )
        return targets.ApiDestination(
            destination,
            event=events.RuleTargetInput.from_event_path("$.detail.data"),
            header_parameters=_CLOUDEVENT_HEADERS,
            dead_letter_queue=dead_letters,
            **rule_retry_policy(),
        )


@dataclass(frozen=True)
class ExternalBus(SubscriberTarget):
    """A bus of another account or region, by its ARN. A bus of another account must allow this account.

    If it is a Millrace bus, allow it with `bus.accept_from(account, events)`.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """

    arn: str

    def rule_target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:  # noqa: ARG002
        """Return the bus, with a role that may put events onto it."""
        external = events.EventBus.from_event_bus_arn(scope, "Target", self.arn)
        return targets.EventBus(external, dead_letter_queue=dead_letters)


@dataclass(frozen=True)
class ExternalQueue(SubscriberTarget):
    """A queue of another account in the same region, by its ARN. Its policy must allow the role of the rule.

    If it is encrypted with a customer managed key, pass `key_arn`; the policy of that key must allow the role, too.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
    """

    arn: str
    key_arn: str | None = None

    def rule_target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:  # noqa: ARG002
        """Return the queue, with a role that may send to it."""
        region = self.arn.split(":")[3]
        self._check(scope, region)
        role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.arn]))
        if self.key_arn:
            via = {"StringEquals": {"kms:ViaService": f"sqs.{region}.amazonaws.com"}}
            use = iam.PolicyStatement(actions=list(WRITE_ACTIONS), resources=[self.key_arn], conditions=via)
            role.add_to_policy(use)
        return _QueueTarget(self.arn, role, dead_letters)

    def _check(self, scope: Construct, region: str) -> None:
        own = Stack.of(scope).region
        if not Token.is_unresolved(own) and region != own:
            raise SubscriberUnreachableError(
                f"Subscriber {scope.node.path}: {self.arn} is in {region}, and a rule in {own} can only send to queues "
                f"in {own}: subscribe a bus in {region} with ExternalBus, and the queue to that bus."
            )


@dataclass(frozen=True)
class ExternalTopic(SubscriberTarget):
    """A topic of another stack or account in the same region, by its ARN.

    Its policy must allow events.amazonaws.com to publish; so must the policy of its key, if it is encrypted with one.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
    """

    arn: str

    def rule_target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:  # noqa: ARG002
        """Return the topic."""
        topic = sns.Topic.from_topic_arn(scope, "Target", self.arn)
        return targets.SnsTopic(topic, dead_letter_queue=dead_letters, **rule_retry_policy())


@jsii.implements(events.IRuleTarget)
class _QueueTarget:
    """A queue target with a role, which a queue of another account needs; CDK's SqsQueue does not support roles."""

    def __init__(self, arn: str, role: iam.Role, dead_letters: sqs.Queue) -> None:
        self._arn = arn
        self._role = role
        self._dead_letters = dead_letters

    def bind(self, rule: events.IRule, id: str | None = None) -> events.RuleTargetConfig:  # noqa: A002, ARG002
        """Return the target, and allow the rule to send to the dead-letter queue."""
        allow_eventbridge_to_send(self._dead_letters, rule.rule_arn)
        config = events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letters.queue_arn)
        return events.RuleTargetConfig(arn=self._arn, role=self._role, dead_letter_config=config)


def _secret(scope: Construct, bus: Bus) -> secrets.Secret:
    secret = secrets.Secret(
        scope,
        "Key",
        description="The API key that a webhook receives",
        generate_secret_string=secrets.SecretStringGenerator(password_length=40, exclude_punctuation=True),
        encryption_key=bus.encryption_key,
    )
    if bus.encryption_key is None:
        reason = "AWS's key for secrets encrypts it; Bus(encryption_key=…) sets a customer managed key."
        acknowledge(secret, reason, "CKV_AWS_149")
    acknowledge(secret, "Rotation needs the receiver to change at the same time.", "AwsSolutions-SMG4", "CKV2_AWS_57")
    return secret
