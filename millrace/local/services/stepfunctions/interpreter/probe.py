"""The data of a single state, as TestState returns it.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from millrace.local.services.stepfunctions.interpreter.errors import StateError

Status = Literal["SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR"]


class RetriableError(StateError):
    """An error that would be retried. It ends a tested state, and nothing matches it."""

    def matches(self, wanted: object) -> bool:  # noqa: ARG002 - no name matches
        """Return that nothing matches."""
        return False


@dataclass
class Probe:
    """Ends an execution after its first state and holds the data of that state.

    `retries` are the retries that were made before, by the number of the retrier; `context` is added to the context
    object. `inspection` has JSON texts by their names in InspectionData, as `afterInputPath`.
    """

    retries: dict[int, int] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    status: Status = "SUCCEEDED"
    next_state: str | None = None
    error: StateError | None = None
    inspection: dict[str, Any] = field(default_factory=dict)

    def retriable(self, error: StateError, retrier: int, delay: float) -> StateError:
        """Record that an error would be retried after a delay in seconds; return what ends the state."""
        self.status, self.error = "RETRIABLE", error
        self.inspection["errorDetails"] = {"retryIndex": retrier, "retryBackoffIntervalSeconds": int(delay)}
        return RetriableError(error.error, error.cause)

    def caught(self, error: StateError, catcher: int) -> None:
        """Record that an error is caught."""
        self.status, self.error = "CAUGHT_ERROR", error
        self.inspection["errorDetails"] = {"catchIndex": catcher}

    def failed(self, error: StateError) -> None:
        """Record that the state has failed, unless its error would be retried."""
        if self.status != "RETRIABLE":
            self.status, self.error = "FAILED", error
