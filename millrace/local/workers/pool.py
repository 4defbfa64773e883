"""The worker processes of all functions: warm, limited in number, replaced when a function changes."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from millrace.local.workers.fair_queue import FairQueue
from millrace.local.workers.package_view import LayerMismatchError, make_package_view
from millrace.local.workers.spawner import Start, WorkerSpawner
from millrace.local.workers.spec import Confinement, Developer, FunctionSpec, Outcome, Status
from millrace.local.workers.worker import Job, Worker, describe

IDLE_WORKERS = 32
IDLE_SPAWNERS = 3
"""Maximum idle workers, and maximum idle spawners (one per set of layers)."""
WAITING_WORKERS = 3
"""Maximum workers that wait for a response and do not count against the limit, as a multiple of `limit`."""
_CHECK_SECONDS = 0.1
_IDLE_SHARE = 0.1


class WorkersClosedError(RuntimeError):
    """A function was invoked after the workers were closed."""


class Workers:
    """Runs functions in worker processes. Its methods run on the loop's thread.

    `environment` contains the variables of every function: endpoint, region, credentials. `limit` is the maximum number
    of invocations that use a processor at once, two per core by default; invocations that wait have a limit of their
    own. `start` is fork, from a warm zygote (Linux only), or spawn. The package views are below `cache`.
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
        self._check_scheduled = False
        self._refused: deque[tuple[Job, Exception]] = deque()
        self._busy: set[Worker] = set()
        self._idle: list[Worker] = []
        self._package_views: dict[tuple[Path, ...], Path] = {}
        self._spawners: dict[Path, WorkerSpawner] = {}
        self._closed = False

    def warm(self, layers: Sequence[Path]) -> None:
        """Start the zygote of some layers in advance. Raises LayerMismatchError."""
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
        trace_id: str = "",
    ) -> None:
        """Run a function once and call `done` with the outcome, exactly once, on the loop's thread.

        The clock of the function is `ahead` seconds ahead of this machine's. An `urgent` invocation ignores the limit:
        a running invocation waits for it. Raises WorkersClosedError.
        """
        if self._closed:
            raise WorkersClosedError(f"{spec.name} was invoked after the workers were closed")
        job = Job(spec, payload, request_id, done, ahead, trace_id)
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
        """End the workers of a function; busy ones end after their invocation."""
        for worker in [worker for worker in self._idle if worker.spec.name == name]:
            self._drop(worker)
        for worker in self._busy:
            worker.retired = worker.retired or worker.spec.name == name

    def close(self) -> None:
        """End every process and wait for their exit. Unfinished invocations end as killed."""
        self._closed = True
        waiting = [*self._queue.clear(), *self._debugged]
        self._debugged.clear()
        for spawner in list(self._spawners.values()):
            spawner.close()
        self._spawners.clear()
        self._report_refused()
        for job in waiting:
            self._report(job, _failed(job, "exit", "Runtime.ExitError", _killed(job)))

    # -- reports of workers ---------------------------------------------------------------------------------------

    def finished(self, worker: Worker, job: Job, outcome: Outcome) -> None:
        """Report the outcome of a worker, which is idle again."""
        self._release(worker)
        if worker.retired:
            worker.kill()
        else:
            self._idle.append(worker)
            if len(self._idle) > IDLE_WORKERS:
                self._drop(self._surplus())
        self._report(job, outcome)
        self._run_waiting()

    def exited(self, worker: Worker) -> None:
        """Remove a worker whose process has ended."""
        self._release(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        self._run_waiting()

    # -- how invocations find workers ----------------------------------------------------------------------------

    def _run_waiting(self) -> None:
        while self._has_room() and (job := self._queue.take()):
            self._run(job)
        if self._queue and not self._check_scheduled:
            self._check_scheduled = True
            self._loop.call_later(_CHECK_SECONDS, self._check_waiting)

    def _has_room(self) -> bool:
        waiting = min(len(self._waiting), WAITING_WORKERS * self._limit)
        return not self._closed and len(self._busy) - waiting < self._limit

    def _check_waiting(self) -> None:
        """Find the workers that wait, so that other invocations can run meanwhile."""
        self._check_scheduled = False
        longest = _IDLE_SHARE * _CHECK_SECONDS
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
        except (LayerMismatchError, OSError) as error:  # for example a full disk
            self._refused.append((job, error))
            self._loop.call_soon(self._report_refused)
            return
        self._busy.add(worker)
        self._queue.started(worker.spec.name)
        worker.take(job)

    def _warm_worker(self, spec: FunctionSpec) -> Worker | None:
        """Return the worker of a function that ran last; workers of former versions are ended."""
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
        if package_view not in self._spawners:
            self._close_idle_spawners()
            self._spawners[package_view] = WorkerSpawner(
                self._loop, package_view, self._start, lambda: self._remove_spawner(package_view)
            )
        return self._spawners[package_view]

    def _close_idle_spawners(self) -> None:
        idle = [package_view for package_view, spawner in self._spawners.items() if spawner.idle]
        for package_view in idle[: -IDLE_SPAWNERS + 1]:
            self._spawners.pop(package_view).close()

    def _remove_spawner(self, package_view: Path) -> None:
        """Remove the spawner of a zygote that died; the next invocation starts another."""
        self._spawners.pop(package_view, None)

    def _surplus(self) -> Worker:
        """Return the idle worker that ran longest ago, of the function that has the most. Others keep theirs."""
        counts = Counter(worker.spec.name for worker in self._idle)
        return max(self._idle, key=lambda worker: counts[worker.spec.name])

    def _drop(self, worker: Worker) -> None:
        self._idle.remove(worker)
        worker.kill()

    def _report_refused(self) -> None:
        while self._refused:
            job, error = self._refused.popleft()
            kind = "LayerMismatch" if isinstance(error, LayerMismatchError) else "NoWorker"
            self._report(job, _failed(job, "error", f"Millrace.{kind}", str(error)))

    def _report(self, job: Job, outcome: Outcome) -> None:
        self.observe(job.spec, outcome)
        try:
            job.done(outcome)
        except WorkersClosedError:
            pass  # closing caused the outcome, and the outcome another invocation
        except Exception as error:  # noqa: BLE001 - the loop reports it; the other invocations go on
            message = f"{job.spec.name}: the callback of an invocation failed"
            self._loop.call_exception_handler({"message": message, "exception": error})


def _failed(job: Job, status: Status, kind: str, message: str) -> Outcome:
    """Return the outcome of an invocation that had no process."""
    error = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return Outcome(status, error, (f"[ERROR] {kind}: {message}",), 0.0, None, 0, "none", job.request_id)


def _killed(job: Job) -> str:
    return f"RequestId: {job.request_id} Error: {describe(-signal.SIGKILL)}"
