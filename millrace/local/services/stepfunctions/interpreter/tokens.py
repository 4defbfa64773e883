"""Task tokens: each belongs to one attempt of one task.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.interpreter.errors import StateError
from millrace.local.services.stepfunctions.interpreter.pending import Pending

_MAX_CLOSED = 10_000


@dataclass
class Waiting:
    """A task that waits for its token. `beat` restarts its heartbeat timeout."""

    machine_arn: str
    result: Pending
    beat: Callable[[], None]


class TaskTokens:
    """The open tokens, and the last closed ones."""

    def __init__(self) -> None:
        self._open: dict[str, Waiting] = {}
        self._closed: dict[str, str] = {}

    def open(self, token: str, waiting: Waiting) -> None:
        """Store an issued token."""
        self._open[token] = waiting

    def close(self, token: str) -> None:
        """Invalidate the token of an ended task. Does nothing for a token that is closed."""
        waiting = self._open.pop(token, None)
        if waiting is not None:
            self._closed[token] = waiting.machine_arn
            if len(self._closed) > _MAX_CLOSED:
                del self._closed[next(iter(self._closed))]

    def machine_of(self, token: str) -> str:
        """Return the ARN of the state machine that waits or waited for a token; "" for an unknown token."""
        waiting = self._open.get(token)
        return waiting.machine_arn if waiting else self._closed.get(token, "")

    def succeed(self, token: str, output: str) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html."""
        try:
            value = json.loads(output)
        except ValueError as error:
            raise ApiError("InvalidOutput", f"Invalid Output: '{error}'") from error
        waiting = self._waiting(token)
        self.close(token)
        waiting.result.succeed(value)

    def fail(self, token: str, error: str | None, cause: str | None) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html."""
        waiting = self._waiting(token)
        self.close(token)
        waiting.result.fail(StateError(error, cause))

    def beat(self, token: str) -> None:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html."""
        self._waiting(token).beat()

    def _waiting(self, token: str) -> Waiting:
        if token in self._closed:
            raise ApiError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        if token not in self._open:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
        return self._open[token]
