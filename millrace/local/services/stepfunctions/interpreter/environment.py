"""What an execution needs of the local cloud. Tests replace it by fakes."""

import random
from dataclasses import dataclass, field
from typing import Any, Protocol

from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.interpreter.activities import Activities
from millrace.local.services.stepfunctions.interpreter.pending import Pending
from millrace.local.services.stepfunctions.interpreter.tokens import TaskTokens


@dataclass(frozen=True)
class Caller:
    """The state machine that makes a call: its role authorizes the call."""

    machine_arn: str
    machine_name: str
    role: str
    express: bool
    execution_arn: str


@dataclass(frozen=True)
class Call:
    """One attempt of a task to call a service.

    `service` and `action` are those of the resource: `lambda` and `invoke`, `aws-sdk:s3` and `getObject`; `function`
    and the ARN of a Lambda function; `activity` and the ARN of an activity. `pattern` is empty, `sync`, `sync:2` or
    `waitForTaskToken`. `state` is the state's name, for mocks; `attempt` counts from 0.
    """

    caller: Caller
    state: str
    resource: str
    service: str
    action: str
    pattern: str
    parameters: Any
    token: str = ""
    attempt: int = 0


class Integrations(Protocol):
    """Calls services. The pending result fails with a StateError."""

    def call(self, call: Call) -> Pending:
        """Call a service; return its response as Step Functions shapes it."""

    def complete(self, call: Call, response: Any) -> Pending:
        """Wait for the job that a `.sync` call started; return the output of the task."""


@dataclass(frozen=True)
class Environment:
    """The scheduler with its clock, randomness, and what executions share."""

    scheduler: Scheduler
    integrations: Integrations
    tokens: TaskTokens
    activities: Activities
    random: random.Random = field(default_factory=random.Random)
