"""Answers the calls of mocked tasks."""

import json
from functools import partial
from typing import Any

from millrace.local.core.scheduler import Scheduler
from millrace.local.services.stepfunctions.definitions import all_states
from millrace.local.services.stepfunctions.interpreter import Call, Integrations, Pending, StateError, TaskTokens
from millrace.local.services.stepfunctions.interpreter.definition import StateMachine, TaskState
from millrace.local.services.stepfunctions.interpreter.pending import failed, succeeded
from millrace.local.services.stepfunctions.mocks import Mock, Mocks, Throw


class MockedIntegrations:
    """Answers the calls of mocked tasks, and passes on all others."""

    def __init__(self, integrations: Integrations, tokens: TaskTokens, scheduler: Scheduler) -> None:
        self._integrations = integrations
        self._tokens = tokens
        self._scheduler = scheduler
        self.mocks: dict[tuple[str, str], Mock] = {}
        """By the name of the state machine and of the state."""

    def of_machine(self, name: str, definition: StateMachine) -> Mocks:
        """Return the mocks of a state machine."""
        tasks = sorted(each.name for each in all_states(definition) if isinstance(each, TaskState))
        return Mocks(name, tasks, partial(self._add, name))

    def _add(self, machine: str, state: str, mock: Mock) -> None:
        self.mocks[machine, state] = mock

    def call(self, call: Call) -> Pending:
        """Call a service, or respond as its mock does."""
        mock = self._mock(call)
        if mock is None:
            return self._integrations.call(call)
        response = mock.respond(call.caller.execution_arn, call.parameters)
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
