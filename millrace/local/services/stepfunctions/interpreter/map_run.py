"""A Map Run: the child executions of a distributed Map, and how many of them may fail.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.execution import Execution


@dataclass
class Child:
    """One child execution, from before it starts. `items` is how many items its input has."""

    input: Any
    items: int
    execution: "Execution | None" = None

    @property
    def status(self) -> str:
        """A status of DescribeExecution, or PENDING."""
        return self.execution.status if self.execution else "PENDING"


@dataclass
class MapRun:
    """The run of one distributed Map state. UpdateMapRun changes the three limits.

    `state_machine_arn` is that of the child executions. Times are in seconds since 1970.
    """

    arn: str
    execution_arn: str
    state_machine_arn: str
    started_at: float
    max_concurrency: int
    tolerated_failure_count: int | None = None
    tolerated_failure_percentage: float | None = None
    children: list[Child] = field(default_factory=list)
    status: str = "RUNNING"
    stopped_at: float | None = None
    redrives: int = 0
    redriven_at: float | None = None
    results_written: bool = False
    _counts: Counter[str] = field(default_factory=Counter)

    @property
    def executions(self) -> "list[Execution]":
        """The child executions that have started."""
        return [child.execution for child in self.children if child.execution]

    def count(self, child: Child, sign: int = 1) -> None:
        """Count a child execution that has ended, or discount it before it is redriven."""
        self._counts[child.status] += sign * child.items

    @property
    def is_exceeded(self) -> bool:
        """Whether more items have failed than are tolerated.

        https://docs.aws.amazon.com/step-functions/latest/dg/maprun-fail-threshold.html
        """
        failed = self._counts["FAILED"] + self._counts["TIMED_OUT"]
        count, percentage = self.tolerated_failure_count, self.tolerated_failure_percentage
        if count is None and percentage is None:
            return failed > 0
        too_many = count is not None and failed > count
        return too_many or (percentage is not None and failed * 100 > percentage * self._total_items)

    @cached_property
    def _total_items(self) -> int:
        return sum(child.items for child in self.children)

    def item_counts(self) -> dict[str, int]:
        """Return itemCounts of DescribeMapRun."""
        return self._described([(child, child.items) for child in self.children])

    def execution_counts(self) -> dict[str, int]:
        """Return executionCounts of DescribeMapRun."""
        return self._described([(child, 1) for child in self.children])

    def _described(self, weights: list[tuple[Child, int]]) -> dict[str, int]:
        counts = dict.fromkeys(("pending", "running", "succeeded", "failed", "timedOut", "aborted"), 0)
        for child, weight in weights:
            counts["timedOut" if child.status == "TIMED_OUT" else child.status.lower()] += weight
        total = sum(counts.values())
        redrivable = counts["failed"] + counts["timedOut"] + counts["aborted"]
        return {
            **counts,
            "total": total,
            "resultsWritten": total if self.results_written else 0,
            "failuresNotRedrivable": 0,
            "pendingRedrive": redrivable if self.status in ("FAILED", "ABORTED") else 0,
        }
