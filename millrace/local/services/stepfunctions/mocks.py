"""Mocks of the services that tasks call, in the manner of Step Functions Local.

https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


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

    def respond(self, execution: str, parameters: Any) -> Response:
        """Return the response to the next attempt of an execution. The last response repeats."""
        self.calls.append(parameters)
        attempt = self._attempts[execution]
        self._attempts[execution] += 1
        return self.responses[min(attempt, len(self.responses) - 1)]


class UnknownMockError(LookupError):
    """A mock of a state machine or a task that does not exist."""


class Mocks:
    """The mocks of one state machine, with these tasks. `add` puts a mock of a task into effect."""

    def __init__(self, machine: str, tasks: Sequence[str], add: Callable[[str, Mock], None]) -> None:
        self._machine = machine
        self._tasks = tasks
        self._add = add

    def mock(self, state: str, *responses: Response) -> Mock:
        """Mock a task until `reset`: one response for each attempt of an execution, and the last one for all further.

        Return the mock, which has the parameters of the calls. Raises UnknownMockError.
        """
        if state not in self._tasks:
            raise UnknownMockError(f"{self._machine} has no task {state!r}. Its tasks: {', '.join(self._tasks)}.")
        if not responses:
            raise ValueError(f"The mock of {state} needs at least one response: Return(…) or Throw(…).")
        mock = Mock(responses)
        self._add(state, mock)
        return mock
