"""Invocations that wait for a worker: one queue per function, served in turn.

On AWS the concurrency of a function does not depend on the backlog of another function.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from collections import Counter, deque

from millrace.local.workers.worker import Job


class FairQueue:
    """Gives the next free worker to the function that holds the fewest; of equals, to the one served longest ago."""

    def __init__(self, most_of_one: int) -> None:
        self._most_of_one = most_of_one
        self._waiting: dict[str, deque[Job]] = {}
        self._running: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, job: Job) -> None:
        """Queue an invocation behind the others of its function."""
        self._waiting.setdefault(job.spec.name, deque()).append(job)

    def take(self) -> Job | None:
        """The next invocation; None if every function that waits already holds as many workers as one may."""
        name = min(self._waiting, key=self._running.__getitem__, default=None)
        if name is None or self._running[name] >= self._most_of_one:
            return None
        jobs = self._waiting.pop(name)
        job = jobs.popleft()
        if jobs:
            self._waiting[name] = jobs  # the last of the dictionary: its turn comes after the others'
        return job

    def started(self, name: str) -> None:
        """Count a worker that the function holds."""
        self._running[name] += 1

    def ended(self, name: str) -> None:
        """Count a worker that the function no longer holds."""
        self._running[name] -= 1
        if not self._running[name]:
            del self._running[name]

    def clear(self) -> list[Job]:
        """Remove every invocation, and return them."""
        jobs = [job for waiting in self._waiting.values() for job in waiting]
        self._waiting.clear()
        return jobs
