"""The workers of all functions: kept warm, bounded, replaced when a function changes."""

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from millrace.local.workers.fair_queue import FairQueue
from millrace.local.workers.package_view import LayerMismatch, make_package_view
from millrace.local.workers.spawner import Start, WorkerSpawner
from millrace.local.workers.spec import Confinement, Developer, FunctionSpec, Outcome, Status
from millrace.local.workers.worker import Job, Worker, describe

IDLE_WORKERS = 32
IDLE_NURSERIES = 3
"""How many workers, and sets of layers, are kept without work."""
WAITING_WORKERS = 3
"""Times `limit`: workers that only wait, as for an answer from outside, and run beyond it."""
_LOOK_SECONDS = 0.1
_IDLE_SHARE = 0.1


class WorkersClosed(RuntimeError):
    """An invocation came after the end."""


class Workers:
    """Runs functions in processes of their own; all of it on the loop's thread.

    `environment` goes to every function: endpoint, region, dummy keys. `limit` bounds the invocations that use the
    processor at once, two per core by default; those that only wait are bounded apart. `start` is how a worker
    begins: forked from a warm zygote, on Linux, or spawned. The folders of links through which workers see their
    packages are below `cache`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        environment: Mapping[str, str],
        start: Start | None = None,
        limit: int | None = None,
        cache: Path = Path(".millrace"),
        confinement: Confinement | None = None,
        developer: Developer | None = None,
    ) -> None:
        self.developer = developer or Developer()
        self.observe: Callable[[FunctionSpec, Outcome], object] = lambda _spec, _outcome: None
        self._debugged: deque[Job] = deque()
        self._confinement = confinement or Confinement()
        self._loop = loop
        self._environment = dict(environment)
        self._start: Start = start or ("fork" if sys.platform == "linux" else "spawn")
        self._limit = limit or 2 * (os.cpu_count() or 1)
        self._cache = cache
        self._queue = FairQueue(WAITING_WORKERS * self._limit)
        self._waiting: set[Worker] = set()
        self._looks = False
        self._refused: deque[tuple[Job, Exception]] = deque()
        self._busy: set[Worker] = set()
        self._idle: list[Worker] = []
        self._package_views: dict[tuple[Path, ...], Path] = {}
        self._nurseries: dict[Path, WorkerSpawner] = {}
        self._closed = False

    def warm(self, layers: Sequence[Path]) -> None:
        """Have the zygote of some layers load while there is nothing to do yet. Raises LayerMismatch."""
        self._spawner(tuple(layers))

    def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        request_id: str,
        done: Callable[[Outcome], None],
        *,
        urgent: bool = False,
        ahead: float = 0.0,
    ) -> None:
        """Run a function once and tell `done`, exactly once, on the loop's thread.

        It is `ahead` of the machine's wall clock by that many seconds. Urgent is what a running invocation waits for:
        it goes past the limit, or the two could wait for each other. Raises WorkersClosed.
        """
        if self._closed:
            raise WorkersClosed(f"{spec.name} was invoked after the workers were closed")
        job = Job(spec, payload, request_id, done, ahead)
        if self.developer.debugs(spec):
            self._debugged.append(job)
            self._run_debugged()
        elif urgent:
            self._run(job)
        else:
            self._queue.add(job)
            self._run_waiting()

    def _run_debugged(self) -> None:
        if self._debugged and not any(self.developer.debugs(worker.spec) for worker in self._busy):
            self._run(self._debugged.popleft())

    def kill(self, request_id: str) -> None:
        """Kill the process that runs an invocation, if one does."""
        for worker in self._busy:
            if worker.runs(request_id):
                worker.kill()

    def retire(self, name: str) -> None:
        """End the workers of a function; those at work end after the invocation that they have."""
        for worker in [worker for worker in self._idle if worker.spec.name == name]:
            self._drop(worker)
        for worker in self._busy:
            worker.retired = worker.retired or worker.spec.name == name

    def close(self) -> None:
        """End every process and wait until all are gone. What was running or waiting ends as killed."""
        self._closed = True
        waiting = [*self._queue.clear(), *self._debugged]
        self._debugged.clear()
        for spawner in list(self._nurseries.values()):
            spawner.close()
        self._nurseries.clear()
        self._tell_refused()
        for job in waiting:
            self._tell(job, _failed(job, "exit", "Runtime.ExitError", _killed(job)))

    # -- what workers tell ---------------------------------------------------------------------------------------

    def finished(self, worker: Worker, job: Job, outcome: Outcome) -> None:
        """A worker has an outcome, and is free."""
        self._release(worker)
        if worker.retired:
            worker.kill()
        else:
            self._idle.append(worker)
            for surplus in self._idle[:-IDLE_WORKERS]:
                self._drop(surplus)
        self._tell(job, outcome)
        self._run_waiting()

    def gone(self, worker: Worker) -> None:
        """A worker's process has ended."""
        self._release(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        self._run_waiting()

    # -- how invocations find workers ----------------------------------------------------------------------------

    def _run_waiting(self) -> None:
        while self._has_room() and (job := self._queue.take()):
            self._run(job)
        if self._queue and not self._looks:
            self._looks = True
            self._loop.call_later(_LOOK_SECONDS, self._look)

    def _has_room(self) -> bool:
        waiting = min(len(self._waiting), WAITING_WORKERS * self._limit)
        return not self._closed and len(self._busy) - waiting < self._limit

    def _look(self) -> None:
        """Find the workers that only wait: another invocation may run meanwhile."""
        self._looks = False
        longest = _IDLE_SHARE * _LOOK_SECONDS
        self._waiting = {worker for worker in self._busy if worker.processor_demand() < longest}
        self._run_waiting()

    def _release(self, worker: Worker) -> None:
        if worker in self._busy:
            self._busy.remove(worker)
            self._waiting.discard(worker)
            self._queue.ended(worker.spec.name)
            self._loop.call_soon(self._run_debugged)

    def _run(self, job: Job) -> None:
        try:
            worker = self._warm_worker(job.spec) or self._new_worker(job.spec)
        except (LayerMismatch, OSError) as error:  # as where the disk is full, or all file descriptors are used
            self._refused.append((job, error))
            self._loop.call_soon(self._tell_refused)
            return
        self._busy.add(worker)
        self._queue.started(worker.spec.name)
        worker.take(job)

    def _warm_worker(self, spec: FunctionSpec) -> Worker | None:
        """The worker of this very function that ran last; those of a former version are ended."""
        for worker in [worker for worker in reversed(self._idle) if worker.spec.name == spec.name]:
            if worker.spec is spec or worker.spec == spec:
                self._idle.remove(worker)
                return worker
            self._drop(worker)
        return None

    def _new_worker(self, spec: FunctionSpec) -> Worker:
        return Worker(self._loop, self._spawner(spec.layers), spec, self._environment, self._confinement, self)

    def _spawner(self, layers: tuple[Path, ...]) -> WorkerSpawner:
        package_view = self._package_views.get(layers) or make_package_view(layers, self._cache)
        self._package_views[layers] = package_view
        if package_view not in self._nurseries:
            self._close_idle_nurseries()
            self._nurseries[package_view] = WorkerSpawner(
                self._loop, package_view, self._start, lambda: self._forget(package_view)
            )
        return self._nurseries[package_view]

    def _close_idle_nurseries(self) -> None:
        idle = [package_view for package_view, spawner in self._nurseries.items() if spawner.idle]
        for package_view in idle[: -IDLE_NURSERIES + 1]:
            self._nurseries.pop(package_view).close()

    def _forget(self, package_view: Path) -> None:
        """A zygote died; the next invocation starts another."""
        self._nurseries.pop(package_view, None)

    def _drop(self, worker: Worker) -> None:
        self._idle.remove(worker)
        worker.kill()

    def _tell_refused(self) -> None:
        while self._refused:
            job, error = self._refused.popleft()
            kind = "LayerMismatch" if isinstance(error, LayerMismatch) else "NoWorker"
            self._tell(job, _failed(job, "error", f"Millrace.{kind}", str(error)))

    def _tell(self, job: Job, outcome: Outcome) -> None:
        self.observe(job.spec, outcome)
        try:
            job.done(outcome)
        except WorkersClosed:
            pass  # an outcome that came by closing has led to a further invocation
        except Exception as error:  # noqa: BLE001 - the loop reports it; the other invocations go on
            told = f"{job.spec.name}: what was to be done with an outcome failed"
            self._loop.call_exception_handler({"message": told, "exception": error})


def _failed(job: Job, status: Status, kind: str, message: str) -> Outcome:
    """The outcome of an invocation for which there was no process."""
    error = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return Outcome(status, error, (f"[ERROR] {kind}: {message}",), 0.0, None, 0, "none", job.request_id)


def _killed(job: Job) -> str:
    return f"RequestId: {job.request_id} Error: {describe(-signal.SIGKILL)}"
