"""Activities: workers take the tasks that states schedule.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from millrace.local.services.stepfunctions.interpreter.pending import Pending


@dataclass(frozen=True)
class ActivityTask:
    """A scheduled task. `started` receives the name of the worker that takes it, or None."""

    token: str
    input: str
    started: Callable[[str | None], None]


class Activities:
    """The scheduled tasks of each activity, and the workers that wait for one. Callers use ARNs of activities."""

    def __init__(self) -> None:
        self._tasks: dict[str, deque[ActivityTask]] = defaultdict(deque)
        self._workers: dict[str, deque[tuple[str | None, Pending]]] = defaultdict(deque)

    def schedule(self, arn: str, task: ActivityTask) -> None:
        """Add a task, the first waiting worker takes it."""
        self._tasks[arn].append(task)
        self._match(arn)

    def withdraw(self, arn: str, task: ActivityTask) -> None:
        """Remove a task that has ended, if no worker has taken it."""
        if task in self._tasks[arn]:
            self._tasks[arn].remove(task)

    def take(self, arn: str, worker: str | None) -> Pending:
        """Return the next task, which may arrive later. GetActivityTask cancels the result after 60 seconds."""
        result = Pending()
        self._workers[arn].append((worker, result))
        self._match(arn)
        return result

    def _match(self, arn: str) -> None:
        tasks, workers = self._tasks[arn], self._workers[arn]
        while tasks and workers:
            worker, result = workers.popleft()
            if not result.done:
                task = tasks.popleft()
                task.started(worker)
                result.succeed(task)
