"""The state machines of an account and region, with their versions and aliases."""

import random
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from millrace.local.core.clock import Clock
from millrace.local.core.errors import ApiError

MAX_VERSIONS, MAX_ALIASES = 1_000, 100
"""Of a state machine. https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
_BEFORE_UPDATES = "INITIAL"
_QUALIFIED = 8
"""The parts of the ARN of a version or an alias."""


@dataclass(frozen=True)
class Revision:
    """What a state machine runs until its next update. It has an id once it was updated."""

    definition: str
    role: str
    logging: dict[str, Any]
    tracing: dict[str, Any]
    encryption: dict[str, Any]
    id: str | None = None


@dataclass(frozen=True)
class Version:
    """A published revision."""

    arn: str
    number: int
    revision: Revision
    created_at: float
    description: str | None = None


@dataclass
class Alias:
    """A name for one or two versions. `routes` are as in RoutingConfigurationListItem."""

    arn: str
    name: str
    routes: list[dict[str, Any]]
    created_at: float
    updated_at: float
    description: str | None = None

    def choose(self) -> str:
        """Return the ARN of a version, by the weights of the routes."""
        (route,) = random.choices(self.routes, [each["weight"] for each in self.routes])  # noqa: S311 - no secret
        return str(route["stateMachineVersionArn"])


@dataclass
class StateMachine:
    """A state machine."""

    arn: str
    name: str
    express: bool
    revision: Revision
    created_at: float
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[int, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    published: int = 0

    def update(self, **changes: Any) -> None:
        """Replace parts of the revision. It gets a new id if something changes."""
        if replace(self.revision, **changes) != self.revision:
            self.revision = replace(self.revision, **changes, id=str(uuid.uuid4()))

    def publish(self, now: float, description: str | None = None, revision_id: str | None = None) -> Version:
        """Return the version of the current revision, which is created if it does not exist. Raises ApiError.

        https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html
        """
        current = self.revision.id or _BEFORE_UPDATES
        if revision_id not in (None, current):
            reason = f"for revision {revision_id}. The current State Machine revision is {current}."
            raise ApiError("ConflictException", f"Failed to publish the State Machine version {reason}")
        found = next((each for each in self.versions.values() if each.revision is self.revision), None)
        if found:
            return found
        if len(self.versions) >= MAX_VERSIONS:
            raise ApiError("ServiceQuotaExceededException", f"A state machine has at most {MAX_VERSIONS} versions.")
        self.published += 1
        version = Version(f"{self.arn}:{self.published}", self.published, self.revision, now, description)
        self.versions[version.number] = version
        return version

    def version(self, arn: str) -> Version | None:
        """Return the version of an ARN."""
        return next((each for each in self.versions.values() if each.arn == arn), None)


@dataclass(frozen=True)
class Selection:
    """What a start with an ARN runs: a state machine, and the version and alias that the ARN selects."""

    machine: StateMachine
    revision: Revision
    version: str | None = None
    alias: str | None = None

    @property
    def qualifiers(self) -> dict[str, str | None]:
        """The members of a response that name version and alias."""
        return {"stateMachineVersionArn": self.version, "stateMachineAliasArn": self.alias}


class Catalog:
    """The state machines by ARN. Methods raise ApiError for an unknown one."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.now
        self.machines: dict[str, StateMachine] = {}

    def machine(self, arn: str) -> StateMachine:
        """Return the state machine of an unqualified ARN."""
        found = self.machines.get(arn)
        if found is None:
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return found

    def select(self, arn: str) -> Selection:
        """Return what runs for the ARN of a state machine, version or alias."""
        unqualified, qualifier = split(arn)
        found = self.machines.get(unqualified)
        version, alias = None, None
        if found and qualifier in found.aliases:
            version, alias = found.version(found.aliases[qualifier].choose()), arn
        elif found and qualifier:
            version = found.version(arn)
        if found is None or (qualifier and version is None):
            raise ApiError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        if version is None:
            return Selection(found, found.revision)
        return Selection(found, version.revision, version.arn, alias)

    def alias(self, arn: str) -> tuple[StateMachine, Alias]:
        """Return an alias and its state machine."""
        machine, name = split(arn)
        found = self.machines.get(machine)
        if found is None or name not in found.aliases:
            raise ApiError("ResourceNotFound", f"Request references a resource that does not exist: '{arn}'")
        return found, found.aliases[name]


def split(arn: str) -> tuple[str, str]:
    """Return the unqualified ARN of a state machine, and its version or alias; "" if it has none."""
    parts = arn.split(":")
    return (arn, "") if len(parts) < _QUALIFIED else (":".join(parts[: _QUALIFIED - 1]), parts[_QUALIFIED - 1])
