"""What an execution needs of the local cloud. Tests replace it by fakes."""

import uuid
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.interpreter.activities import Activities
from millrace.local.services.stepfunctions.interpreter.definition import Resource
from millrace.local.services.stepfunctions.interpreter.pending import Pending
from millrace.local.services.stepfunctions.interpreter.tokens import TaskTokens


@dataclass(frozen=True)
class Caller:
    """The execution that makes a call. Its role authorizes the call."""

    execution_arn: str
    machine_arn: str
    machine_name: str
    role: str
    express: bool


@dataclass(frozen=True)
class Call:
    """One attempt to call a service. `parameters` is the payload for a function as resource.

    `state` is the name of the state, `attempt` counts its attempts from 0, and `token` is its task token: for mocks.
    `raw` leaves the body of an object in S3 as bytes.
    """

    caller: Caller
    state: str
    resource: Resource
    parameters: Any
    attempt: int = 0
    raw: bool = False
    token: str = ""


class Integrations(Protocol):
    """Calls services. The results fail with StateError."""

    def call(self, call: Call) -> Pending:
        """Call a service; return its response as Step Functions shapes it."""

    def complete(self, call: Call, response: Any) -> Pending:
        """Wait for the job that a `.sync` call has started; return the output of the task.

        To cancel the result stops the job.
        """


@dataclass(frozen=True)
class Environment:
    """The scheduler with its clock, randomness, and what executions share."""

    scheduler: Scheduler
    integrations: Integrations
    tokens: TaskTokens
    activities: Activities
    random: Random = field(default_factory=Random)

    def uuid(self) -> str:
        """Return a random UUID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))
