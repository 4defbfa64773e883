"""What CloudFormation remembers of a stack besides its resources: its status, its events, its change sets."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from millrace.local.cloudformation.deployment import StackState
from millrace.local.cloudformation.template import Template

STACK = "AWS::CloudFormation::Stack"
Moment = Callable[[], datetime]
Kind = Literal["CREATE", "UPDATE"]


@dataclass(frozen=True)
class Order:
    """What is asked for: a template, and everything that a request says beside it.

    `parameters` are the given values, `resolved` what the template's functions see; `settings` are members of
    DescribeStacks that are kept as they were given.
    """

    text: str
    template: Template
    parameters: Mapping[str, str]
    resolved: Mapping[str, Any]
    tags: tuple[Mapping[str, str], ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One row of DescribeStackEvents."""

    moment: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class ChangeSet:
    """Changes that were asked for and not made yet."""

    id: str
    name: str
    kind: Kind
    created: datetime
    order: Order
    changes: list[dict[str, Any]]
    description: str | None
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    execution: str = "AVAILABLE"


@dataclass
class Record:
    """One stack, from its first change set until long after its deletion. `order` is the last one that succeeded.

    `seen` is the state that the record agrees with, and `latest` the last event of each resource.
    """

    id: str
    arn: str
    name: str
    now: Moment
    created: datetime
    status: str
    reason: str | None = None
    updated: datetime | None = None
    deleted: datetime | None = None
    protected: bool = False
    order: Order | None = None
    seen: StackState | None = None
    events: list[Event] = field(default_factory=list)
    latest: dict[str, Event] = field(default_factory=dict)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)

    @property
    def stands(self) -> bool:
        """Whether its name is still taken."""
        return self.status != "DELETE_COMPLETE"

    @property
    def under_way(self) -> bool:
        """Whether something is being done with it."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def turn(self, status: str, reason: str | None = None) -> None:
        """Give the stack another status, with an event of its own."""
        self.status, self.reason = status, reason
        event = self._happened(self.name, self.arn, STACK, status, reason)
        if status == "UPDATE_IN_PROGRESS":
            self.updated = event.moment
        if status == "DELETE_COMPLETE":
            self.deleted = event.moment

    def note(self, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None = None) -> None:
        """Remember an event of a resource; one that takes the old resource of a replacement away is not its latest."""
        event = self._happened(logical_id, physical_id, kind, status, reason)
        latest = self.latest.get(logical_id)
        if not (status.startswith("DELETE") and latest and latest.physical_id != physical_id):
            self.latest[logical_id] = event

    def _happened(self, *what: Any) -> Event:
        """An event, at least a millisecond after the one before it: readers sort by their moments."""
        earliest = self.events[-1].moment + timedelta(milliseconds=1) if self.events else self.created
        event = Event(max(self.now(), earliest), *what)
        self.events.append(event)
        return event

    def agree(self, state: StackState) -> None:
        """Know a stack's resources as they stand now; those that are new to the record have just been made."""
        for logical_id in self.latest.keys() - state.resources.keys():
            del self.latest[logical_id]
        for logical_id, resource in state.resources.items():
            known = self.latest.get(logical_id)
            if known is None or known.physical_id != resource.physical_id:
                made = (logical_id, resource.physical_id, resource.type)
                self.latest[logical_id] = Event(self.now(), *made, "CREATE_COMPLETE")
        self.seen = state

    def resources(self) -> Iterator[Event]:
        """The last event of each of its resources, in the order in which they were made."""
        order = list(self.seen.resources) if self.seen else []
        yield from sorted(self.latest.values(), key=lambda each: _place(order, each.logical_id))


def _place(order: list[str], logical_id: str) -> int:
    return order.index(logical_id) if logical_id in order else len(order)
