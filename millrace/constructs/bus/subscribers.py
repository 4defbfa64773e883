"""Subscribers outside the app: a webhook, a queue of another account, a bus of another account or region.

Each stands in whatever stack adds it; the publisher's is not touched.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import jsii
from aws_cdk import Duration, Stack, Token
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secrets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE
from millrace.constructs.channels.channels import RULE_ATTEMPTS, RULE_HOURS
from millrace.constructs.failure.dead_letters import dead_letter_queue, let_send
from millrace.constructs.function.places import note_place
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.events import Event

KEY_HEADER = "X-Api-Key"
_CLOUDEVENT = {
    "ce-specversion": "1.0",
    "ce-id": "$.detail.metadata.event_id",
    "ce-source": "$.source",
    "ce-type": "$.detail-type",
    "ce-time": "$.detail.metadata.occurred_at",
    "ce-correlationid": "$.detail.metadata.correlation_id",
}


class OutOfReach(ValueError):
    """A subscriber that EventBridge cannot reach; the text says what to write."""


class Outside(ABC):
    """Where a subscriber is."""

    @abstractmethod
    def target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:
        """The target of the subscriber's rules on the bus; what it cannot take ends in `dead_letters`."""


class Subscriber(Construct):
    """A subscriber outside the app: rules for just its events, with a day of retries and a dead-letter queue."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        events: Sequence[type[Event]],
        to: Outside,
    ) -> None:
        super().__init__(scope, id)
        note_place(self)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, of=self.node.id)
        bus.rules(self, events, [to.target(self, bus, self.dead_letters)])
        Alarms(self, bus.alarm_topic).dead_letters(self.dead_letters)


@dataclass(frozen=True)
class Webhook(Outside):
    """An HTTPS endpoint, called with each event as a CloudEvent in the binary mode.

    It knows the caller by a key in the header `X-Api-Key`: that of `secret`, a text; without one, a new secret's.
    `rate_limit` is in calls a second. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
    """

    url: str
    secret: secrets.ISecret | None = None
    rate_limit: int = 300

    def target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:
        """An API destination with its connection."""
        key = self.secret or _secret(scope, bus)
        known = events.Authorization.api_key(KEY_HEADER, key.secret_value)
        destination = events.ApiDestination(
            scope,
            "Destination",
            connection=events.Connection(scope, "Connection", authorization=known),
            endpoint=self.url,
            rate_limit_per_second=self.rate_limit,
        )
        return targets.ApiDestination(
            destination,
            event=events.RuleTargetInput.from_event_path("$.detail.data"),
            header_parameters=_CLOUDEVENT,
            dead_letter_queue=dead_letters,
            retry_attempts=RULE_ATTEMPTS,
            max_event_age=Duration.hours(RULE_HOURS),
        )


@dataclass(frozen=True)
class OutsideBus(Outside):
    """A bus of another account or region, by its ARN; that of another account has to let this one in.

    One of the kit does so by `bus.accept_from(account, events)`.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """

    arn: str

    def target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:  # noqa: ARG002
        """The bus, with a role that may put events onto just this one."""
        theirs = events.EventBus.from_event_bus_arn(scope, "Target", self.arn)
        return targets.EventBus(theirs, dead_letter_queue=dead_letters)


@dataclass(frozen=True)
class OutsideQueue(Outside):
    """A queue of another account in the same region, by its ARN; its policy has to let the role of the rule in.

    So has that of its `key`, by its ARN, where it is encrypted with one of its account's.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
    """

    arn: str
    key: str | None = None

    def target(self, scope: Construct, bus: Bus, dead_letters: sqs.Queue) -> events.IRuleTarget:  # noqa: ARG002
        """The queue, with a role that may send to just this one."""
        region = self.arn.split(":")[3]
        self._check(scope, region)
        role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.arn]))
        if self.key:
            via = {"StringEquals": {"kms:ViaService": f"sqs.{region}.amazonaws.com"}}
            role.add_to_policy(iam.PolicyStatement(actions=list(WRITE), resources=[self.key], conditions=via))
        return _QueueTarget(self.arn, role, dead_letters)

    def _check(self, scope: Construct, region: str) -> None:
        own = Stack.of(scope).region
        if not Token.is_unresolved(own) and region != own:
            raise OutOfReach(
                f"Subscriber {scope.node.path}: {self.arn} is in {region}, and a rule of {own} reaches queues of its "
                f"own region alone: subscribe a bus there with OutsideBus, and the queue to that."
            )


@jsii.implements(events.IRuleTarget)
class _QueueTarget:
    """CDK's own target for queues knows no role, which a queue of another account needs."""

    def __init__(self, arn: str, role: iam.Role, dead_letters: sqs.Queue) -> None:
        self._arn = arn
        self._role = role
        self._dead_letters = dead_letters

    def bind(self, rule: events.IRule, id: str | None = None) -> events.RuleTargetConfig:  # noqa: A002, ARG002
        """The target, whose dead-letter queue takes what this rule sends."""
        let_send(self._dead_letters, rule.rule_arn)
        letters = events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letters.queue_arn)
        return events.RuleTargetConfig(arn=self._arn, role=self._role, dead_letter_config=letters)


def _secret(scope: Construct, bus: Bus) -> secrets.Secret:
    made = secrets.Secret(
        scope,
        "Key",
        description="The key by which a webhook knows its caller",
        generate_secret_string=secrets.SecretStringGenerator(password_length=40, exclude_punctuation=True),
        encryption_key=bus.encryption_key,
    )
    if bus.encryption_key is None:
        acknowledge(made, "AWS's key for secrets encrypts it; the bus's own does, where it has one.", "CKV_AWS_149")
    acknowledge(made, "Who turns it has to tell the other side at the same time.", "AwsSolutions-SMG4", "CKV2_AWS_57")
    return made
