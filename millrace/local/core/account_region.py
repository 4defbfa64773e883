"""The event plane as one thing: its rooms, and what they share."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from millrace.local.core.backends import Backends
from millrace.local.core.clock import Clock
from millrace.local.core.history import Reference
from millrace.local.services.apigatewayv2 import HttpApis
from millrace.local.services.eventbridge.archives import Archives
from millrace.local.services.eventbridge.buses import Buses
from millrace.local.services.eventbridge.operations import EventOperations
from millrace.local.services.eventbridge.replays import Replays
from millrace.local.services.eventbridge.schedules import Schedules
from millrace.local.services.eventbridge.targets import Targets
from millrace.local.services.iam import Access
from millrace.local.services.iam.delivery_permissions import Permissions
from millrace.local.services.lambda_.destinations import Results
from millrace.local.services.lambda_.event_source_mappings import Sources
from millrace.local.services.lambda_.functions import Functions
from millrace.local.services.lambda_.invoke import Invoking
from millrace.local.services.lambda_.logs import FunctionLogs
from millrace.local.services.s3.notifications import Buckets
from millrace.local.services.scheduler.schedules import EventBridgeScheduler
from millrace.local.services.schemas.registries import Schemas
from millrace.local.services.sns.topics import Topics
from millrace.local.services.sqs import MessageMoves
from millrace.local.services.stepfunctions.state_machines import Machines

if TYPE_CHECKING:
    from millrace.local.core.account_regions import AccountRegions


class AccountRegion:
    """Everything that moves by itself in one account and region. Its methods run on the agenda's thread."""

    def __init__(self, regions: "AccountRegions", backends: Backends) -> None:
        self.regions = regions
        self.backends = backends
        self.scheduler = regions.scheduler
        self.clock: Clock = regions.scheduler.clock
        self.workers = regions.workers
        self.history = regions.history
        self.faults = regions.faults
        self.logs = FunctionLogs(backends)
        self.access = Access(backends, self.clock.now, self._waiting_for, self._state_of, regions.sessions)
        self.access.enforce_iam = regions.enforce_iam
        self.permissions = Permissions(self.access, backends, self._state_of)
        self.functions = Functions(self, regions.code)
        self.invoking = Invoking(self)
        self.http_apis = HttpApis(self)
        self.results = Results(self)
        self.topics = Topics(self)
        self.buckets = Buckets(self)
        self.moves = MessageMoves(self)
        self.targets = Targets(self)
        self.buses = Buses(self)
        self.archives = Archives(self)
        self.replays = Replays(self)
        self.schedules = Schedules(self)
        self.eventbridge_scheduler = EventBridgeScheduler(self)
        self.schemas = Schemas(backends, self.clock)
        self.machines = Machines(self, regions.code.with_name("definitions"))
        events = EventOperations(self)
        self.answers: dict[str, Callable[..., Any]] = {**events.answers, **self.moves.answers, **self.machines.answers}
        """Operations of AWS's JSON protocol that the plane answers itself, by their names."""
        schedules = {f"scheduler {method}": self.eventbridge_scheduler.check for method in ("POST", "PUT")}
        self.checks: dict[str, Callable[..., Any]] = {**events.checks, **self.machines.checks, **schedules}
        """Operations that the plane may refuse before moto answers them: by name, or by service and method."""
        self.sources = Sources(self)

    def _waiting_for(self, task_token: str) -> str:
        return self.machines.tokens.machine_of(task_token)

    def near(self, arn: str) -> "AccountRegion | None":
        """The plane in which an ARN is; None where nobody has opened that account and region."""
        return self.regions.of_arn(arn, self)

    def _state_of(self, arn: str) -> Backends | None:
        region = self.near(arn)
        return region.backends if region else None

    def changed(self, service: str) -> None:
        """Look again at what an API call may have changed."""
        for region in self.regions:
            region.permissions.changed()
        if service == "events":
            self.buses.changed()
            self.archives.changed()
            self.schedules.changed()
        elif service == "scheduler":
            self.eventbridge_scheduler.changed()
        elif service == "lambda":
            self.functions.changed()
            self.sources.changed()

    def retire(self) -> None:
        """End the workers of its functions."""
        for name in self.functions.known():
            self.workers.retire(name)

    def forget(self) -> None:
        """Forget what was read of moto's stores, and whatever they do not hold."""
        self.backends.reset()
        self.machines.forget()
        self.logs.forget()
        self.sources.forget()
        self.functions.forget()
        self.moves.forget()
        self.archives.forget()
        self.replays.forget()
        self.schedules.forget()
        self.eventbridge_scheduler.forget()
        self.http_apis.forget()
        self.schemas.forget()
        self.targets.destinations.forget()
        self.buses.changed()
        self.permissions.changed()

    def remember_dead_letter(self, about: Iterable[Reference], queue_arn: str, name: str) -> None:
        """Remember that a processor's event ended in a dead-letter queue."""
        for event in about:
            self.history.add("dead-letter", event, name, queue=queue_arn.rpartition(":")[2], event=event.event)
