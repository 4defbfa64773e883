"""The state of a stack besides its resources: status, events and change sets."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from millrace.local.cloudformation.deployment import StackState
from millrace.local.cloudformation.template import Template

STACK = "AWS::CloudFormation::Stack"
Now = Callable[[], datetime]


@dataclass(frozen=True)
class StackRequest:
    """The content of CreateStack, UpdateStack or CreateChangeSet.

    `parameters` are the given values, `resolved` the values for intrinsic functions, and `settings` further members
    of DescribeStacks.
    """

    text: str
    template: Template
    parameters: Mapping[str, str]
    resolved: Mapping[str, Any]
    tags: tuple[Mapping[str, str], ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """One event of DescribeStackEvents."""

    timestamp: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass
class ChangeSet:
    """A change set."""

    id: str
    name: str
    kind: Literal["CREATE", "UPDATE"]
    created: datetime
    request: StackRequest
    changes: list[dict[str, Any]]
    description: str | None
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    execution_status: str = "AVAILABLE"


@dataclass
class StackRecord:
    """One stack, which remains after its deletion. `request` is the last one that succeeded.

    `state` is the deployed state when the record was last synchronized; `latest` has the last event of each resource.
    """

    id: str
    arn: str
    name: str
    now: Now
    created: datetime
    status: str
    reason: str | None = None
    updated: datetime | None = None
    deleted: datetime | None = None
    protected: bool = False
    request: StackRequest | None = None
    state: StackState | None = None
    events: list[Event] = field(default_factory=list)
    latest: dict[str, Event] = field(default_factory=dict)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)

    @property
    def exists(self) -> bool:
        """Whether the stack is not deleted."""
        return self.status != "DELETE_COMPLETE"

    @property
    def in_progress(self) -> bool:
        """Whether an operation is in progress."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def set_status(self, status: str, reason: str | None = None) -> None:
        """Change the status of the stack and add an event."""
        self.status, self.reason = status, reason
        event = self._add_event(self.name, self.arn, STACK, status, reason)
        if status == "UPDATE_IN_PROGRESS":
            self.updated = event.timestamp
        if status == "DELETE_COMPLETE":
            self.deleted = event.timestamp

    def add_resource_event(
        self, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None = None
    ) -> None:
        """Add an event of a resource. The deletion of a replaced resource is not the latest event of its successor."""
        event = self._add_event(logical_id, physical_id, kind, status, reason)
        latest = self.latest.get(logical_id)
        if not (status.startswith("DELETE") and latest and latest.physical_id != physical_id):
            self.latest[logical_id] = event

    def _add_event(self, *content: Any) -> Event:
        """Add an event at least a millisecond after the previous one, because clients sort by timestamp."""
        earliest = self.events[-1].timestamp + timedelta(milliseconds=1) if self.events else self.created
        event = Event(max(self.now(), earliest), *content)
        self.events.append(event)
        return event

    def synchronize(self, state: StackState) -> None:
        """Take over the resources of a deployed state. Resources without an event get one."""
        for logical_id in self.latest.keys() - state.resources.keys():
            del self.latest[logical_id]
        for logical_id, resource in state.resources.items():
            known = self.latest.get(logical_id)
            if known is None or known.physical_id != resource.physical_id:
                ids = (logical_id, resource.physical_id, resource.type)
                self.latest[logical_id] = Event(self.now(), *ids, "CREATE_COMPLETE")
        self.state = state

    def resource_events(self) -> list[Event]:
        """Return the last event of each resource, in order of creation."""
        position = {logical_id: index for index, logical_id in enumerate(self.state.resources if self.state else ())}
        return sorted(self.latest.values(), key=lambda event: position.get(event.logical_id, len(position)))
