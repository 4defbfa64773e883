"""A Map Run: the child executions of a distributed Map.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.execution import Execution

STATUSES = ("PENDING", "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass
class MapRun:
    """The run of one distributed Map state. UpdateMapRun sets the limits."""

    arn: str
    execution_arn: str
    state_machine_arn: str
    started_at: float
    max_concurrency: int
    tolerated_failure_count: int | None = None
    tolerated_failure_percentage: float | None = None
    stopped_at: float | None = None
    status: str = "RUNNING"
    redrives: int = 0
    redriven_at: float | None = None
    executions: "list[Execution]" = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    """How many items each child execution has in its input."""

    def counts(self, *, of_items: bool) -> dict[str, int]:
        """Return itemCounts or executionCounts of DescribeMapRun."""
        raise NotImplementedError
