"""Mocks of the services that tasks call, in the manner of Step Functions Local.

https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.interpreter import Call, Integrations, Pending, StateError, TaskTokens
from millrace.local.services.stepfunctions.interpreter.definition import State, StateMachine, TaskState, inner_machines
from millrace.local.services.stepfunctions.interpreter.pending import failed, succeeded


@dataclass(frozen=True)
class Return:
    """The task succeeds with this result: what the service would respond."""

    result: Any


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

    def add(self, machine: str, definition: StateMachine, state: str, responses: tuple[Response, ...]) -> Mock:
        """Mock a task. Raises UnknownMockError, or ValueError without a response."""
        tasks = sorted(each.name for each in _states(definition) if isinstance(each, TaskState))
        if state not in tasks:
            raise UnknownMockError(f"{machine} has no task {state!r}. Its tasks: {', '.join(tasks)}.")
        if not responses:
            raise ValueError(f"The mock of {state} needs at least one response: Return(…) or Throw(…).")
        self.mocks[machine, state] = mock = Mock(responses)
        return mock

    def call(self, call: Call) -> Pending:
        """Call a service, or respond as its mock does."""
        mock = self._mock(call)
        if mock is None:
            return self._integrations.call(call)
        response = mock.respond(call)
        if isinstance(response, Throw):
            return failed(StateError(response.error, response.cause))
        if call.resource.waits_for_token:
            output = json.dumps(response.result)
            self._scheduler.soon(lambda: self._tokens.succeed(call.token, output), f"mock of {call.state}")
        return succeeded(response.result)

    def complete(self, call: Call, response: Any) -> Pending:
        """Wait for the job of a `.sync` task. A mocked one has ended."""
        return succeeded(response) if self._mock(call) else self._integrations.complete(call, response)

    def _mock(self, call: Call) -> Mock | None:
        return self.mocks.get((call.caller.machine_name, call.state))


def _states(definition: StateMachine) -> Iterator[State]:
    """Yield all states, at any depth."""
    waiting = [definition]
    while waiting:
        for state in waiting.pop().states.values():
            yield state
            waiting += inner_machines(state)
