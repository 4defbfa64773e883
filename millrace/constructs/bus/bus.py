"""The event bus, with its archive and its own failure path."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from millrace.constructs.bus.circuits import Circuits
from millrace.constructs.bus.claims import Claims
from millrace.constructs.bus.encryption import EncryptionKey, chosen_key, let_services_use
from millrace.constructs.bus.idempotency import Idempotency
from millrace.constructs.bus.policy import BusPolicy, ClosedBus, by_source, just
from millrace.constructs.bus.schemas import Schemas
from millrace.constructs.bus.undeclared import Undeclared
from millrace.constructs.failure.dead_letters import dead_letter_queue, let_send
from millrace.constructs.function.declared import EventTypes, contracts
from millrace.constructs.function.places import note_place
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.observability.checks import Checks
from millrace.constructs.observability.event_log import EventLog
from millrace.constructs.workflow.callbacks import Callbacks
from millrace.events.claims import CLAIM_ABOVE
from millrace.flow.schemas import Form

MAX_HOPS = 32
"""Causes that an event may have behind it: more than any flow is long."""


class Bus(Construct):
    """A custom event bus that archives every event and takes events from its own account, and those of `accept_from`.

    `encryption_key` governs everything on this bus: its archive, queues, streams, logs, state machines, environments;
    "own" makes one. Without it AWS's own keys encrypt. With `alarm_topic` the alarms of everything on this bus are
    sent there. `log_events` logs each event; of those with sensitive fields, that they were said. A schema registry
    with the bus's name holds each event that something on it takes or publishes, in the form of `schemas`. An event
    that was handled is known again for `idempotency_window`, 20 days. One with more than `max_hops` causes behind it is
    put aside. Of one that weighs more than `claim_check_above` bytes the data lies in a bucket; None leaves it there.

    What no contract of the app has a name for is put aside as well, unless it comes from one of `foreign_sources`:
    those of other apps that publish onto this bus. None lets every source pass that no contract has.

    `existing` is for the bus of another stack: rules and permissions go onto it. Of the bus itself nothing is
    made; what functions of this stack put aside has a queue of its own here.
    """

    def __init__(  # noqa: PLR0913 - a bus is no fewer
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        name: str,
        archive_retention: Duration | None = None,
        encryption_key: EncryptionKey | None = None,
        idempotency_window: Duration | None = None,
        max_hops: int = MAX_HOPS,
        claim_check_above: int | None = CLAIM_ABOVE,
        log_events: bool = False,
        alarm_topic: sns.ITopic | None = None,
        schemas: Form = "OpenApi3",
        foreign_sources: Sequence[str] | None = (),
        existing: bool = False,
    ) -> None:
        super().__init__(scope, id)
        note_place(self)
        Checks.of(self)
        self.alarm_topic = alarm_topic
        self._window = idempotency_window
        self._policy: BusPolicy | None = None
        self.max_hops = max_hops
        self.encryption_key = chosen_key(self, encryption_key)
        self.callbacks = Callbacks(self, self.encryption_key)
        self.dead_letters = dead_letter_queue(self, self.encryption_key, of=name)
        Alarms(self, alarm_topic).dead_letters(self.dead_letters)
        self.event_bus: events.IEventBus = (
            events.EventBus.from_event_bus_name(self, "Bus", name) if existing else self._made(name)
        )
        self.claims = (
            None
            if claim_check_above is None
            else Claims(self, bus=name, above=claim_check_above, key=self.encryption_key)
        )
        self._told: list[Schemas | Undeclared | EventLog] = []
        if not existing:
            self._guard(archive_retention or Duration.days(30))
            self._told = [Undeclared(self, bus=self.event_bus, to=self.dead_letters, foreign=foreign_sources)]
            if log_events:
                self._told.append(EventLog(self, bus=self.event_bus, name=name, key=self.encryption_key))
            self._tell_of(contracts())
            self._told.append(Schemas(self, name=name, form=schemas))

    def _made(self, name: str) -> events.EventBus:
        if self.encryption_key:
            let_services_use(self, self.encryption_key, name, self.alarm_topic)
        return events.EventBus(
            self, "Bus", event_bus_name=name, kms_key=self.encryption_key, dead_letter_queue=self.dead_letters
        )

    def _guard(self, archive_retention: Duration) -> None:
        let_send(self.dead_letters, self.event_bus.event_bus_arn)
        self._policy = BusPolicy(self, self.event_bus)
        self._archive(archive_retention)
        if self.claims:
            self.claims.make(archive_retention)

    @property
    def name(self) -> str:
        """The name of the bus, as a publisher gives it."""
        name: str = self.event_bus.event_bus_name
        return name

    @cached_property
    def circuits(self) -> Circuits:
        """The states of circuit breakers, made for the first function that has one."""
        return Circuits(self, self.encryption_key)

    @cached_property
    def idempotency(self) -> Idempotency:
        """The records of the events that were handled on this bus, made for the first function that keeps any."""
        return Idempotency(self, self._window, self.encryption_key)

    def rules(self, scope: Construct, wanted: EventTypes, targets: Iterable[events.IRuleTarget]) -> list[events.Rule]:
        """The rules that match just the events that are wanted: one, unless it would match others too."""
        wanted = list(wanted)
        self._tell_of(wanted)
        made = [
            events.Rule(scope, f"Rule{number or ''}", event_bus=self.event_bus, event_pattern=pattern)
            for number, pattern in enumerate(_patterns(wanted))
        ]
        for target in targets:
            for rule in made:
                rule.add_target(target)
        return made

    def grant_publish(self, role: iam.IGrantable, published: EventTypes) -> None:
        """Let a role put just these events onto the bus."""
        published = list(published)
        self._tell_of(published)
        for source, detail_types in by_source(published).items():
            statement = iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[self.event_bus.event_bus_arn],
                conditions=just(source, detail_types),
            )
            role.grant_principal.add_to_principal_policy(statement)

    def accept_from(self, account: str, wanted: EventTypes) -> None:
        """Let another account put just these events onto the bus, itself or by its rules; once for each account."""
        wanted = list(wanted)
        if self._policy is None:
            raise ClosedBus(f"{self.node.path} is another stack's: let {account} in where the bus is made.")
        self._policy.accept(account, wanted)
        self._tell_of(wanted)

    def _tell_of(self, known: EventTypes) -> None:
        """The stack of the bus goes by the events on it; that of another adds none of its own."""
        for each in self._told:
            each.add(known)

    def _archive(self, retention: Duration) -> None:
        events.CfnArchive(
            self,
            "Archive",
            source_arn=self.event_bus.event_bus_arn,
            retention_days=int(retention.to_days()),
            kms_key_identifier=self.encryption_key.key_arn if self.encryption_key else None,
        )


def _patterns(wanted: EventTypes) -> Iterator[events.EventPattern]:
    """Sources that share their detail-types share a pattern; a list of each would match their cross product."""
    sharing: dict[tuple[str, ...], list[str]] = {}
    for source, names in by_source(wanted).items():
        sharing.setdefault(tuple(sorted(names)), []).append(source)
    for detail_types, sources in sharing.items():
        yield events.EventPattern(source=sources, detail_type=list(detail_types))
