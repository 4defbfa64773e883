"""One account and region of the local cloud: its services, and what they share."""

from collections.abc import Collection, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from millrace.local.core.backends import Backends
from millrace.local.core.history import Reference
from millrace.local.core.service import Service

if TYPE_CHECKING:
    from millrace.local.core.account_regions import AccountRegions

S = TypeVar("S", bound=Service)


class SourceListener(Protocol):
    """Receives changes to queues and streams."""

    def arrived(self, source_arn: str) -> None:
        """A message or record arrived or became visible."""

    def moved_to_dead_letter_queue(self, message: Any, source_arn: str, queue_arn: str) -> None:
        """A message was received too often."""


class AccountRegion:
    """The services of one account and region. They reach each other by class: `region.service(Lambda)`."""

    def __init__(self, regions: "AccountRegions", account: str, name: str) -> None:
        self.regions = regions
        self.account = account
        self.name = name
        self.backends = Backends(account, name)
        self.scheduler = regions.scheduler
        self.clock = regions.scheduler.clock
        self.workers = regions.workers
        self.history = regions.history
        self.faults = regions.faults
        self.cache = regions.cache
        self.source_listeners: list[SourceListener] = []
        self._services: dict[type[Service], Service] = {}
        for kind in regions.services:
            self._services[kind] = kind(self)
        self._by_name = {service.arn_name: service for service in self._services.values()}
        self.answers = {name: answer for each in self.services for name, answer in each.answers.items()}
        self.checks = {name: check for each in self.services for name, check in each.checks.items()}

    @property
    def services(self) -> Collection[Service]:
        """Every service."""
        return self._services.values()

    def service(self, kind: type[S]) -> S:
        """Return a service by its class."""
        return cast("S", self._services[kind])

    def service_named(self, arn_name: str) -> Service | None:
        """Return a service by the service part of its ARNs; None if the local cloud does not have it."""
        return self._by_name.get(arn_name)

    def owner(self, arn: str) -> "AccountRegion | None":
        """Return the account and region of an ARN; None if nothing was deployed there."""
        return self.regions.owner(arn, self)

    def reset(self) -> None:
        """Drop cached backends and all state outside them."""
        self.backends.reset()
        for service in self.services:
            service.reset()

    def source_changed(self, arn: str, what: str) -> None:
        """Notify listeners on the scheduler's thread that a queue or stream has changed. Callable from any thread."""
        for listener in self.source_listeners:
            self.scheduler.soon(partial(listener.arrived, arn), what)

    def record_dead_letter(self, events: Iterable[Reference], queue_arn: str, name: str) -> None:
        """Add to the event history that a processor's events moved to a dead-letter queue."""
        for event in events:
            self.history.add("dead-letter", event, name, queue=queue_arn.rpartition(":")[2], event=event.event)
