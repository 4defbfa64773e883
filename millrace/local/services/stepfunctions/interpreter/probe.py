"""The data of a single state, as TestState returns it.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
"""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class Probe:
    """Ends an execution after its first state and holds the data of that state.

    `inspection` has the values by their names in InspectionData, as `afterInputPath`, as JSON texts.
    `retries` holds the retries that each retrier has already made, from `stateConfiguration.retrierRetryCount`.
    """

    retries: dict[int, int] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    status: Literal["SUCCEEDED", "FAILED", "RETRIABLE", "CAUGHT_ERROR"] = "SUCCEEDED"
    next_state: str | None = None
    error: str | None = None
    cause: str | None = None
    inspection: dict[str, Any] = field(default_factory=dict)
