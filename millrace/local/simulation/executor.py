"""Runs the functions in this process, one at a time, each in its own surroundings."""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.local.core.scheduler import Scheduler
from millrace.local.simulation.clients import Clients, Needed, needs_of
from millrace.local.simulation.output import OUTPUT
from millrace.local.simulation.surroundings import Surroundings, Switch
from millrace.local.simulation.tasks import CrashError, Task, TimedOutError
from millrace.local.workers.inside import logs, runtime
from millrace.local.workers.package_view import make_package_view
from millrace.local.workers.spec import Confinement, FunctionSpec, Outcome, Status
from millrace.local.workers.worker import configuration, describe, log_events

WARM = 2
"""Environments of each function that are loaded before the first run. A run loads more if it needs them."""
_KILLED = describe(-9)
_NO_TRACE = "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0"


@dataclass(eq=False)
class Environment:
    """A loaded function. As on AWS, it runs one invocation at a time. `error` is the error of its module."""

    config: Mapping[str, Any]
    surroundings: Surroundings
    handler: runtime.Handler | None = None
    error: bytes = b""


@dataclass(frozen=True, eq=False)
class Job:
    """One invocation."""

    spec: FunctionSpec
    payload: bytes
    request_id: str
    done: Callable[[Outcome], None]
    trace_id: str


class InProcessExecutor:
    """An executor of functions on threads of which one runs at a time.

    `variables` are those of every function. Environments stay loaded, also after a crash: AWS has others that are warm.
    """

    def __init__(
        self, scheduler: Scheduler, switch: Switch, clients: Clients, variables: Mapping[str, str], cache: Path
    ) -> None:
        self._scheduler = scheduler
        self.observe: Callable[[FunctionSpec, Outcome], object] = lambda _spec, _outcome: None
        self._switch = switch
        self._variables = dict(variables)
        self._cache = cache
        self._idle: dict[str, list[Environment]] = defaultdict(list)
        self._clients = clients
        self._known: set[str] = set()
        self._views: dict[tuple[Path, ...], Path] = {}
        logs.redirect(OUTPUT.write_bytes)

    def warm(self, layers: Sequence[Path]) -> None:
        """Prepare the packages of some layers. Raises LayerMismatchError."""
        self._view(tuple(layers))

    def load(self, spec: FunctionSpec) -> None:
        """Load environments of a function in advance."""
        while len(self._idle[spec.name]) < WARM:
            self._idle[spec.name].append(self._loaded(spec))

    def exchange(self, other: "InProcessExecutor") -> None:
        """Exchange the loaded functions with those of another executor. Raises ValueError if their settings differ."""
        mine, theirs = self.configurations, other.configurations
        if mine != theirs:
            different = next(name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name))
            raise ValueError(f"The function {different} is not the same in both clouds.")
        self._idle, other._idle = other._idle, self._idle  # noqa: SLF001 - of the same class

    @property
    def configurations(self) -> dict[str, Mapping[str, Any]]:
        """The configuration of each loaded function."""
        return {name: environments[0].config for name, environments in self._idle.items() if environments}

    def needed(self) -> Needed:
        """Return what each function has needed since it was loaded."""
        shared = self._switch.modules_since(self._known)
        used = {
            name: max(environments, key=lambda each: len(each.surroundings.recorded)).surroundings
            for name, environments in self._idle.items()
            if environments
        }
        return {name: needs_of(surroundings, shared) for name, surroundings in used.items()}

    def prepare(self, needed: Needed) -> None:
        """Make in advance what functions needed in an earlier run."""
        for name, what in needed.items():
            for environment in self._idle[name]:
                with self._switch.entered(environment.surroundings):
                    self._clients.prepare(what)

    def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        request_id: str,
        done: Callable[[Outcome], None],
        *,
        urgent: bool = False,  # noqa: ARG002 - there is no limit
        ahead: float = 0.0,  # noqa: ARG002 - the process has the time of the cloud
        trace_id: str = "",
    ) -> None:
        """Run a function once and call `done` with the outcome, exactly once."""
        job = Job(spec, payload, request_id, done, trace_id)
        self._scheduler.soon(lambda: self._start(job), f"start of {spec.name}")

    def kill(self, request_id: str) -> None:
        """Do nothing: crashes are faults at a call of AWS."""

    def retire(self, name: str) -> None:
        """Drop the environments of a function."""
        self._idle.pop(name, None)

    def close(self) -> None:
        """Drop every environment."""
        self._idle.clear()

    def _start(self, job: Job) -> None:
        deadline = self._scheduler.clock.now() + job.spec.timeout
        name = job.spec.environment.get("POWERTOOLS_SERVICE_NAME", job.spec.name)
        Task(name, lambda: self._run(job), deadline).resume()

    def _run(self, job: Job) -> None:
        """Run an invocation, on its own thread."""
        environment, began = self._take(job.spec), self._scheduler.clock.now()
        OUTPUT.collect()
        status, payload = self._answered(environment, job)
        self._idle[job.spec.name].append(environment)
        log = tuple(log_events(OUTPUT.take()))
        duration = (self._scheduler.clock.now() - began) * 1000
        stream = environment.config["environment"]["AWS_LAMBDA_LOG_STREAM_NAME"]
        outcome = Outcome(status, payload, log, duration, None, job.spec.memory_mb, stream, job.request_id)
        self._scheduler.soon(lambda: job.done(outcome), f"end of {job.spec.name}")

    def _answered(self, environment: Environment, job: Job) -> tuple[Status, bytes]:
        if environment.handler is None:
            return "error", environment.error
        call = {"request_id": job.request_id, "trace_id": job.trace_id or _NO_TRACE, "ahead": 0.0}
        try:
            with self._switch.entered(environment.surroundings):
                logs.set_format(environment.config["environment"])
                return runtime.invoke(environment.handler, job.payload, call, dict(environment.config))  # type: ignore[return-value]
        except CrashError:
            return "exit", _error("Runtime.ExitError", f"RequestId: {job.request_id} Error: {_KILLED}")
        except SystemExit as error:
            how = describe(error.code if isinstance(error.code, int) else int(bool(error.code)))
            return "exit", _error("Runtime.ExitError", f"RequestId: {job.request_id} Error: {how}")
        except TimedOutError:
            message = f"Task timed out after {job.spec.timeout:.2f} seconds"
            return "timeout", _error("Sandbox.Timedout", f"RequestId: {job.request_id} Error: {message}")

    def _take(self, spec: FunctionSpec) -> Environment:
        idle = self._idle[spec.name]
        return idle.pop() if idle else self._loaded(spec)

    def _loaded(self, spec: FunctionSpec) -> Environment:
        """Return a new environment. Outside handlers, output of the module is dropped."""
        self._switch.manage(spec.code)
        config = configuration(spec, self._variables, Confinement(), _stream(spec))
        environment = Environment(config, Surroundings.of_function(config, self._view(spec.layers), OUTPUT))
        with self._switch.entered(environment.surroundings):
            logs.set_up(config["environment"])
            try:
                environment.handler = runtime.load(spec.handler)
            except Exception as raised:  # noqa: BLE001 - AWS returns it for each invocation
                environment.error = runtime.init_error(raised)
        self._known = set(sys.modules)
        own = environment.surroundings
        own.loaded = len(own.created), frozenset(own.modules)
        return environment

    def _view(self, layers: tuple[Path, ...]) -> Path:
        if layers not in self._views:
            self._views[layers] = make_package_view(layers, self._cache)
        return self._views[layers]


def _stream(spec: FunctionSpec) -> str:
    return f"2026/01/01/[{spec.version}]simulation"


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
