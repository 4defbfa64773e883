"""Mocks of the services that tasks call, in the manner of Step Functions Local.

https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.definitions import all_states
from millrace.local.services.stepfunctions.interpreter import Call, Integrations, Pending, StateError, TaskTokens
from millrace.local.services.stepfunctions.interpreter.definition import StateMachine, TaskState
from millrace.local.services.stepfunctions.interpreter.pending import failed, succeeded


@dataclass(frozen=True)
class Return:
    """The task succeeds with what the service would respond, or with what a function of the parameters returns."""

    result: Any

    def of(self, parameters: Any) -> Any:
        """Return the response to parameters."""
        return self.result(parameters) if callable(self.result) else self.result


@dataclass(frozen=True)
class Throw:
    """The task fails with this error, as `Lambda.TooManyRequestsException` or the name of an exception."""

    error: str
    cause: str = ""


Response = Return | Throw


@dataclass
class Mock:
    """The responses of one task. `calls` has the parameters of each call so far."""

    responses: tuple[Response, ...]
    calls: list[Any] = field(default_factory=list)
    _attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int), repr=False)

    def respond(self, call: Call) -> Response:
        """Return the response to the next attempt of an execution. The last response repeats."""
        self.calls.append(call.parameters)
        attempt = self._attempts[call.caller.execution_arn]
        self._attempts[call.caller.execution_arn] += 1
        return self.responses[min(attempt, len(self.responses) - 1)]


class UnknownMockError(LookupError):
    """A mock of a state machine or a task that does not exist."""


class MockedIntegrations:
    """Answers the calls of mocked tasks, and passes on all others."""

    def __init__(self, integrations: Integrations, tokens: TaskTokens, scheduler: Scheduler) -> None:
        self._integrations = integrations
        self._tokens = tokens
        self._scheduler = scheduler
        self.mocks: dict[tuple[str, str], Mock] = {}
        """By the name of the state machine and of the state."""

    def call(self, call: Call) -> Pending:
        """Call a service, or respond as its mock does."""
        mock = self._mock(call)
        if mock is None:
            return self._integrations.call(call)
        response = mock.respond(call)
        if isinstance(response, Throw):
            return failed(StateError(response.error, response.cause))
        result = response.of(call.parameters)
        if call.resource.waits_for_token:
            output = json.dumps(result)
            self._scheduler.soon(lambda: self._tokens.succeed(call.token, output), f"mock of {call.state}")
        return succeeded(result)

    def complete(self, call: Call, response: Any) -> Pending:
        """Wait for the job of a `.sync` task. A mocked one has ended."""
        return succeeded(response) if self._mock(call) else self._integrations.complete(call, response)

    def _mock(self, call: Call) -> Mock | None:
        return self.mocks.get((call.caller.machine_name, call.state))


class Mocks:
    """The mocks of one state machine."""

    def __init__(self, mocked: MockedIntegrations, machine: str, definition: StateMachine) -> None:
        self._mocked = mocked
        self._machine = machine
        self._tasks = sorted(each.name for each in all_states(definition) if isinstance(each, TaskState))

    def mock(self, state: str, *responses: Response) -> Mock:
        """Mock a task until `reset`: one response for each attempt of an execution, and the last one for all further.

        Return the mock, which has the parameters of the calls. Raises UnknownMockError.
        """
        if state not in self._tasks:
            raise UnknownMockError(f"{self._machine} has no task {state!r}. Its tasks: {', '.join(self._tasks)}.")
        if not responses:
            raise ValueError(f"The mock of {state} needs at least one response: Return(…) or Throw(…).")
        self._mocked.mocks[self._machine, state] = mock = Mock(responses)
        return mock
