"""The event plane as one thing: its rooms, and what they share."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from millrace.local.access import Access
from millrace.local.clock import Clock
from millrace.local.journal import Reference
from millrace.local.plane.archives import Archives
from millrace.local.plane.buckets import Buckets
from millrace.local.plane.bus import Buses
from millrace.local.plane.conflicts import Conflicts
from millrace.local.plane.event_operations import EventOperations
from millrace.local.plane.functions import Functions
from millrace.local.plane.http_api import HttpApis
from millrace.local.plane.invoking import Invoking
from millrace.local.plane.logs import FunctionLogs
from millrace.local.plane.machines import Machines
from millrace.local.plane.permissions import Permissions
from millrace.local.plane.queues import MessageMoves
from millrace.local.plane.replays import Replays
from millrace.local.plane.results import Results
from millrace.local.plane.scheduler import Scheduler
from millrace.local.plane.schedules import Schedules
from millrace.local.plane.schemas import Schemas
from millrace.local.plane.sources import Sources
from millrace.local.plane.state import State
from millrace.local.plane.targets import Targets
from millrace.local.plane.topics import Topics

if TYPE_CHECKING:
    from millrace.local.plane.planes import Planes


class Plane:
    """Everything that moves by itself in one account and region. Its methods run on the agenda's thread."""

    def __init__(self, planes: "Planes", state: State) -> None:
        self.planes = planes
        self.state = state
        self.agenda = planes.agenda
        self.clock: Clock = planes.agenda.clock
        self.workers = planes.workers
        self.journal = planes.journal
        self.faults = planes.faults
        self.logs = FunctionLogs(state)
        self.access = Access(state, self.clock.now, self._waiting_for, self._state_of, planes.sessions)
        self.access.judging = planes.judging
        self.permissions = Permissions(self.access, state, self._state_of)
        self.functions = Functions(self, planes.code)
        self.invoking = Invoking(self)
        self.conflicts = Conflicts(self)
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
        self.scheduler = Scheduler(self)
        self.schemas = Schemas(state, self.clock)
        self.machines = Machines(self, planes.code.with_name("definitions"))
        events = EventOperations(self)
        self.answers: dict[str, Callable[..., Any]] = {**events.answers, **self.moves.answers, **self.machines.answers}
        """Operations of AWS's JSON protocol that the plane answers itself, by their names."""
        schedules = {f"scheduler {method}": self.scheduler.check for method in ("POST", "PUT")}
        self.checks: dict[str, Callable[..., Any]] = {**events.checks, **self.machines.checks, **schedules}
        """Operations that the plane may refuse before moto answers them: by name, or by service and method."""
        self.sources = Sources(self)

    def _waiting_for(self, task_token: str) -> str:
        return self.machines.tokens.machine_of(task_token)

    def near(self, arn: str) -> "Plane | None":
        """The plane in which an ARN is; None where nobody has opened that account and region."""
        return self.planes.of_arn(arn, self)

    def _state_of(self, arn: str) -> State | None:
        plane = self.near(arn)
        return plane.state if plane else None

    def changed(self, service: str) -> None:
        """Look again at what an API call may have changed."""
        for plane in self.planes:
            plane.permissions.changed()
        if service == "events":
            self.buses.changed()
            self.archives.changed()
            self.schedules.changed()
        elif service == "scheduler":
            self.scheduler.changed()
        elif service == "lambda":
            self.functions.changed()
            self.sources.changed()

    def retire(self) -> None:
        """End the workers of its functions."""
        for name in self.functions.known():
            self.workers.retire(name)

    def forget(self) -> None:
        """Forget what was read of moto's stores, and whatever they do not hold."""
        self.state.reset()
        self.machines.forget()
        self.logs.forget()
        self.sources.forget()
        self.functions.forget()
        self.moves.forget()
        self.archives.forget()
        self.replays.forget()
        self.schedules.forget()
        self.scheduler.forget()
        self.http_apis.forget()
        self.schemas.forget()
        self.targets.destinations.forget()
        self.buses.changed()
        self.permissions.changed()

    def remember_dead_letter(self, about: Iterable[Reference], queue_arn: str, name: str) -> None:
        """Remember that a processor's event ended in a dead-letter queue."""
        for event in about:
            self.journal.add("dead-letter", event, name, queue=queue_arn.rpartition(":")[2], event=event.event)
