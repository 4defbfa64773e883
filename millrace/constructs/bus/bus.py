"""The event bus with its archive, policy, and dead-letter queue."""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import cast

from aws_cdk import CfnResource, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.claim_check import ClaimCheck
from millrace.constructs.bus.encryption import EncryptionKey, allow_services_to_use_key, resolve_key
from millrace.constructs.bus.policy import BusAccessError, BusPolicy
from millrace.constructs.bus.rules import detail_types_by_source, event_patterns, publish_conditions
from millrace.constructs.bus.schema_registry import SchemaRegistry
from millrace.constructs.bus.state_tables import CircuitTable, IdempotencyTable
from millrace.constructs.bus.undeclared import UndeclaredEvents
from millrace.constructs.failure.dead_letters import allow_eventbridge_to_send, dead_letter_queue
from millrace.constructs.function.project import EventTypes, contracts, record_source_location, staged
from millrace.constructs.observability.alarms import Alarms, AlarmTopic, resolve_topic
from millrace.constructs.observability.checks import Checks
from millrace.constructs.observability.event_log import EventLog
from millrace.constructs.workflow.callbacks import Callbacks
from millrace.events.claims import CLAIM_ABOVE
from millrace.flow.schemas import Form

MAX_HOPS = 32
"""The default limit of hops: longer than the causation chain of any reasonable flow."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a bus, a schema registry, a topic and a dashboard accept.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-eventschemas-registry.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
"""


class BusNameError(ValueError):
    """The name of a bus does not fit the resources that are named after it."""


class Bus(Construct):
    """A custom event bus with an archive. It accepts events from its own account and those of `accept_from`.

    name: The name of the bus, without the stage of the app; see `staged`. The schema registry, the dashboard, and the
        event log have the name of the bus, too.
    archive_retention: 30 days by default; 0 keeps events indefinitely.
    encryption_key: A KMS key for the bus and everything on it: archive, queues, streams, logs, state machines, and
        environment variables. "create" creates one. By default, AWS owned and AWS managed keys encrypt.
    idempotency_window: How long a processed event is recognized as a duplicate, 20 days by default.
    max_hops: An event with more causes than this is sent to the dead-letter queue.
    claim_check_threshold: The data of an event that is larger than this, in bytes, is stored in S3. None disables the
        claim check.
    log_events: Log every event; of events with sensitive fields, only metadata.
    alarm_topic: All alarms of constructs on this bus are sent to this topic. For an e-mail address, the bus creates the
        topic `<name>-alarms`, which sends them to this address; an existing bus refers to that topic.
    schema_type: The type of the schemas in the registry, which has the name of the bus. None creates no registry: some
        regions have none, see docs/deploying.md.
    foreign_sources: Sources of other apps that publish to this bus. Events that no contract declares are sent to the
        dead-letter queue, except those of foreign sources. None ignores all undeclared sources.
    concurrency_quota: The quota of concurrent executions of functions in the account; new accounts often have 10. The
        check `concurrency-quota` compares it with what the queues and reservations request.
    existing: Refer to a bus of another stack. Rules and permissions are added to it; it is not created. This stack
        has its own dead-letter queue for events that its functions quarantine.
    """

    def __init__(  # noqa: PLR0913 - each argument is a separate setting
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        name: str,
        archive_retention: Duration | None = None,
        encryption_key: EncryptionKey | None = None,
        idempotency_window: Duration | None = None,
        max_hops: int = MAX_HOPS,
        claim_check_threshold: int | None = CLAIM_ABOVE,
        log_events: bool = False,
        alarm_topic: AlarmTopic | None = None,
        schema_type: Form | None = "OpenApi3",
        foreign_sources: Sequence[str] | None = (),
        concurrency_quota: int | None = None,
        existing: bool = False,
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        Checks.of(self)
        name = staged(self, name)
        if not existing:
            _check_name(self.node.path, name)
        self._window = idempotency_window
        self._policy: BusPolicy | None = None
        self.max_hops = max_hops
        self.encryption_key = resolve_key(self, encryption_key)
        self.alarm_topic = resolve_topic(
            self, alarm_topic, name=f"{name}-alarms", key=self.encryption_key, existing=existing
        )
        self.callbacks = Callbacks(self, self.encryption_key)
        self.dead_letters = dead_letter_queue(self, self.encryption_key, owner=name)
        Alarms(self, self.alarm_topic).dead_letters(self.dead_letters)
        self.event_bus: events.IEventBus = (
            events.EventBus.from_event_bus_name(self, "Bus", name) if existing else self._event_bus(name)
        )
        self.claim_check = (
            None
            if claim_check_threshold is None
            else ClaimCheck(self, bus=name, threshold=claim_check_threshold, key=self.encryption_key)
        )
        self._event_listeners: list[SchemaRegistry | UndeclaredEvents | EventLog] = []
        if not existing:
            if concurrency_quota:
                Alarms(Construct(self, "Account"), self.alarm_topic).concurrency(concurrency_quota)
                resource = cast("CfnResource", self.event_bus.node.default_child)
                resource.add_metadata("millrace", {"concurrency_quota": concurrency_quota})
            self._add_archive_and_policy(archive_retention or Duration.days(30))
            self._event_listeners = [
                UndeclaredEvents(
                    self, bus=self.event_bus, dead_letters=self.dead_letters, foreign_sources=foreign_sources
                )
            ]
            if log_events:
                self._event_listeners.append(EventLog(self, bus=self.event_bus, name=name, key=self.encryption_key))
            self._add_event_types(contracts())
            if schema_type:
                self._event_listeners.append(SchemaRegistry(self, name=name, schema_type=schema_type))

    def _event_bus(self, name: str) -> events.EventBus:
        if self.encryption_key:
            allow_services_to_use_key(self, self.encryption_key, name, self.alarm_topic)
        dead_letters = self._key_failures(name) if self.encryption_key else self.dead_letters
        bus = events.EventBus(
            self, "Bus", event_bus_name=name, kms_key=self.encryption_key, dead_letter_queue=dead_letters
        )
        allow_eventbridge_to_send(dead_letters, bus.event_bus_arn)
        return bus

    def _key_failures(self, name: str) -> sqs.Queue:
        """Create a queue for events that EventBridge cannot encrypt or decrypt; it must not need the same key.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html
        """
        scope = Construct(self, "KeyFailures")
        queue = dead_letter_queue(scope, None, owner=f"{name}-key")
        Alarms(scope, self.alarm_topic).dead_letters(queue)
        return queue

    def _add_archive_and_policy(self, archive_retention: Duration) -> None:
        self._policy = BusPolicy(self, self.event_bus)
        events.CfnArchive(
            self,
            "Archive",
            source_arn=self.event_bus.event_bus_arn,
            retention_days=int(archive_retention.to_days()),
            kms_key_identifier=self.encryption_key.key_arn if self.encryption_key else None,
        )
        if self.claim_check:
            self.claim_check.create_bucket(archive_retention)

    @property
    def name(self) -> str:
        """The name of the bus."""
        name: str = self.event_bus.event_bus_name
        return name

    @cached_property
    def circuits(self) -> CircuitTable:
        """The circuit breaker states, created for the first function with a breaker."""
        return CircuitTable(self, self.encryption_key)

    @cached_property
    def idempotency(self) -> IdempotencyTable:
        """The idempotency records, created for the first function that stores any."""
        return IdempotencyTable(self, self._window, self.encryption_key)

    def add_rules(
        self, scope: Construct, event_types: EventTypes, targets: Iterable[events.IRuleTarget]
    ) -> list[events.Rule]:
        """Create rules that match exactly these events; several if one pattern would match others too."""
        event_types = list(event_types)
        self._add_event_types(event_types)
        rules = [
            events.Rule(scope, f"Rule{number or ''}", event_bus=self.event_bus, event_pattern=pattern)
            for number, pattern in enumerate(event_patterns(event_types))
        ]
        for target in targets:
            for rule in rules:
                rule.add_target(target)
        Alarms(Construct(scope, "Delivery"), self.alarm_topic).rules(rules, self.name)
        return rules

    def grant_publish(self, role: iam.IGrantable, event_types: EventTypes) -> None:
        """Allow a role to publish exactly these events to the bus."""
        event_types = list(event_types)
        self._add_event_types(event_types)
        for source, detail_types in detail_types_by_source(event_types).items():
            statement = iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[self.event_bus.event_bus_arn],
                conditions=publish_conditions(source, detail_types),
            )
            role.grant_principal.add_to_principal_policy(statement)

    def accept_from(self, account: str, event_types: EventTypes) -> None:
        """Allow another account to put exactly these events onto the bus. Call it once per account."""
        event_types = list(event_types)
        if self._policy is None:
            raise BusAccessError(
                f"{self.node.path} belongs to another stack: call accept_from({account!r}, …) where the bus is created."
            )
        self._policy.accept(account, event_types)
        self._add_event_types(event_types)

    def _add_event_types(self, event_types: EventTypes) -> None:
        for listener in self._event_listeners:
            listener.add(event_types)


def _check_name(path: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BusNameError(
            f"{path}: the name {name!r} is also that of the schema registry, the dashboard and the alarm topic: "
            f"use 1 to 64 letters, digits, hyphens and underscores."
        )
