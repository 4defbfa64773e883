"""Errors of states, and what Retry and Catch match.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from collections.abc import Collection
from typing import Any

RUNTIME = "States.Runtime"
QUERY_ERROR = "States.QueryEvaluationError"
TIMEOUT = "States.Timeout"
HEARTBEAT_TIMEOUT = "States.HeartbeatTimeout"
TASK_FAILED = "States.TaskFailed"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
_LOCATED = frozenset({RUNTIME, QUERY_ERROR, "States.NoChoiceMatched"})


class StateError(Exception):
    """An error that Retry and Catch can match by its name. `also` is a second name that they can match.

    `is_timeout` is true where the interpreter ended a task that took too long.
    """

    def __init__(
        self, error: str | None, cause: str | None = None, *, also: str = "", is_timeout: bool = False
    ) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause
        self.is_timeout = is_timeout
        self._names = {name for name in (error, also) if name}
        self._is_located = False

    @property
    def output(self) -> dict[str, Any]:
        """Return the error output of a Catch."""
        return {"Error": self.error or "", "Cause": self.cause or ""}

    def matches(self, wanted: Collection[str]) -> bool:
        """Return whether ErrorEquals matches.

        AWS documents that States.ALL does not match States.DataLimitExceeded; its recorded executions do match it.
        """
        if not self._names.isdisjoint(wanted):
            return True
        if self.error == RUNTIME:
            return False
        is_timeout = self.error in (TIMEOUT, HEARTBEAT_TIMEOUT)
        return "States.ALL" in wanted or (TASK_FAILED in wanted and not is_timeout)

    def locate(self, state: str, entered: int) -> None:
        """Add the state to the cause of an error of the language, when the error leaves its state."""
        if self.error in _LOCATED and not self._is_located:
            at = f"An error occurred while executing the state '{state}' (entered at the event id #{entered})."
            self.cause = f"{at} {self.cause}"
        self._is_located = True


def data_limit_exceeded(name: str) -> StateError:
    """Return the error of a state or task whose result is larger than 256 KiB."""
    cause = (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit."
    )
    return StateError(DATA_LIMIT_EXCEEDED, cause)
