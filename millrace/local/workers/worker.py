"""A worker process of the pool, and the outcome of its invocation."""

import asyncio
import fcntl
import json
import math
import os
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from millrace.local.workers.bytecode import cache_bytecode
from millrace.local.workers.channel import Channel
from millrace.local.workers.inside import wire
from millrace.local.workers.spawner import Exit, WorkerSpawner, execution_environment
from millrace.local.workers.spec import Confinement, Developer, FunctionSpec, Outcome, Status, Stoppable

INIT_SECONDS = 10.0
"""What loading may take. https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib"""

_LOG_KEPT = 1 << 20


@dataclass(frozen=True, eq=False)
class Job:
    """An invocation, the callback for its outcome, and how far its cloud is ahead of the wall clock, in seconds.

    `trace_id` is the X-Ray trace header of the caller; without one, a new trace begins.
    """

    spec: FunctionSpec
    payload: bytes
    request_id: str
    done: Callable[[Outcome], None]
    ahead: float
    trace_id: str = ""


class Owner(Protocol):
    """The pool, as a worker knows it."""

    developer: Developer

    def finished(self, worker: "Worker", job: Job, outcome: Outcome) -> None:
        """An invocation has its outcome. The worker may go on, unless it is `retired`."""

    def exited(self, worker: "Worker") -> None:
        """The process has ended; its invocation, if it had one, has been given its outcome before."""


class Worker:
    """One process that holds one function, and runs one invocation at a time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        spawner: WorkerSpawner,
        spec: FunctionSpec,
        base: Mapping[str, str],
        confinement: Confinement,
        owner: Owner,
    ) -> None:
        self.spec = spec
        self._developer = owner.developer
        self._is_debugged = self._developer.debugs(spec)
        self._stopped_clock: Stoppable | None = None
        self.retired = False
        self._loop = loop
        self._spawner = spawner
        self._owner = owner
        self._job: Job | None = None
        self._began = 0.0
        self._demand: float | None = None
        self._init_ms: float | None = None
        self._warm = self._late = False
        self._timer: asyncio.TimerHandle | None = None
        self._stream = f"{datetime.now(UTC):%Y/%m/%d}/[{spec.version}]{uuid.uuid4().hex}"
        self._log = _Log()
        ours, theirs = socket.socketpair()
        self._channel = Channel(loop, ours, self._arrived)
        with theirs:
            self._number = spawner.start(self, theirs.fileno(), self._log.descriptor)
        settings = configuration(spec, base, confinement, self._stream)
        self._channel.send(wire.pack(settings | self._developer.settings(spec)))

    def take(self, job: Job) -> None:
        """Run an invocation."""
        self._job, self._demand = job, None
        self._began = self._loop.time()
        call = {"request_id": job.request_id, "trace_id": job.trace_id or new_trace_id(), "ahead": job.ahead}
        self._channel.send(wire.pack(call, job.payload))
        if self._is_debugged:
            self._stand_still()
        if self._warm:
            self._start_timer(self.spec.timeout)

    def runs(self, request_id: str) -> bool:
        """Return whether the worker runs an invocation."""
        return self._job is not None and self._job.request_id == request_id

    def processor_demand(self) -> float:
        """Return the seconds of processor demand since the last call; infinite for a new invocation."""
        before, self._demand = self._demand, self._spawner.processor_demand(self._number)
        return math.inf if before is None or self._demand is None else self._demand - before

    def kill(self) -> None:
        """Kill the process."""
        self.retired = True
        self._spawner.kill(self._number)

    def started(self) -> None:
        """Start the timeout of the init phase."""
        if self._job and not self._warm:
            self._start_timer(INIT_SECONDS + self.spec.timeout)

    def ended(self, how: Exit) -> None:
        """Report the invocation of a process that ended."""
        self.retired = True
        self._channel.drain()
        self._channel.close()
        if self._job:
            status, error, line = self._timed_out() if self._late else self._died(how)
            self._finish(status, json.dumps(error).encode(), self._elapsed_ms(), how.memory_mb, line)
        self._log.close()
        self._owner.exited(self)

    def _start_timer(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        if self._stopped_clock:
            return
        self._timer = self._loop.call_later(seconds, self._time_out)

    def _time_out(self) -> None:
        self._late = True
        self.kill()

    def _elapsed_ms(self) -> float:
        return self.spec.timeout * 1000 if self._late else (self._loop.time() - self._began) * 1000

    def _timed_out(self) -> tuple[Status, dict[str, str], str]:
        """https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html."""
        request_id = self._job.request_id if self._job else ""
        message = f"Task timed out after {self.spec.timeout:.2f} seconds"
        error = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {message}"}
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return "timeout", error, f"{now} {request_id} {message}"

    def _died(self, how: Exit) -> tuple[Status, dict[str, str], str]:
        request_id = self._job.request_id if self._job else ""
        message = f"RequestId: {request_id} Error: {describe(how.code)}"
        error = {"errorType": "Runtime.ExitError", "errorMessage": message}
        return "exit", error, f"{message}\nRuntime.ExitError"

    def _arrived(self, meta: dict[str, Any], body: bytes) -> None:
        if meta["kind"] == "waits" and self._developer.debugging:
            self._developer.debugging.waits()
        elif meta["kind"] == "reads-line" and self._developer.read_line:
            self._stand_still()
            threading.Thread(
                target=self._read_line, args=(self._developer.read_line, body.decode()), daemon=True
            ).start()
        elif meta["kind"] == "ready":
            self._warm, self._init_ms = True, meta["init_ms"]
            roots = (self.spec.code.resolve(), self._spawner.package_view)
            if meta["uncached"]:
                threading.Thread(target=cache_bytecode, args=(meta["uncached"], *roots), daemon=True).start()
            self._start_timer(self.spec.timeout)
        elif self._job and not self._late:
            self.retired = self.retired or meta.get("last", False)
            self._finish(meta["status"], body, meta["ms"], meta["memory"] // 1024)

    def _stand_still(self) -> None:
        """Stop the timeout and the clock until the end of the invocation: it waits for a person."""
        if self._timer:
            self._timer.cancel()
        if not self._stopped_clock and self._developer.clock:
            self._stopped_clock = self._developer.clock
            self._stopped_clock.stop()

    def _read_line(self, read_line: Callable[[str], str], prompt: str) -> None:
        line = read_line(prompt)
        self._loop.call_soon_threadsafe(self._channel.send, wire.pack({"kind": "line"}, line.encode()))

    def _finish(self, status: Status, payload: bytes, duration_ms: float, memory_mb: int, *lines: str) -> None:
        job, self._job = self._job, None
        if self._timer:
            self._timer.cancel()
        if self._stopped_clock:
            self._stopped_clock.go_on()
            self._stopped_clock = None
        if job is None:
            return
        init_ms, self._init_ms = self._init_ms, None
        log = (*self._log.take(), *lines)
        outcome = Outcome(status, payload, log, duration_ms, init_ms, memory_mb, self._stream, job.request_id)
        self._owner.finished(self, job, outcome)


class _Log:
    """The file of a worker's output, which survives a killed worker."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - it lives as long as the worker
        self.descriptor = self._file.fileno()
        self._taken = 0
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags | os.O_APPEND)

    def take(self) -> list[str]:
        """Return the log events since the last call."""
        size = os.fstat(self.descriptor).st_size
        if size == self._taken:
            return []
        text = os.pread(self.descriptor, size - self._taken, self._taken).decode("utf-8", "replace")
        self._taken = size
        if size > _LOG_KEPT:
            os.ftruncate(self.descriptor, 0)
            self._taken = 0
        return log_events(text)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def log_events(text: str) -> list[str]:
    """Return the log events of a function's output: a line each, with carriage returns for line breaks."""
    return [line.rstrip("\r").replace("\r", "\n") for line in text.split("\n") if line.strip("\r")]


def describe(code: int) -> str:
    """Return AWS's message for a runtime that ended with an exit code, or by a signal (negative)."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    name = (signal.strsignal(-code) or f"signal {-code}").partition(":")[0].lower()
    return f"Runtime exited with error: signal: {name}"


def new_trace_id() -> str:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader."""
    drawn = os.urandom(20).hex()
    return f"Root=1-{int(time.time()):08x}-{drawn[:24]};Parent={drawn[24:]};Sampled=0"


def configuration(spec: FunctionSpec, base: Mapping[str, str], confinement: Confinement, stream: str) -> dict[str, Any]:
    """Return the configuration from which a worker loads its function. `base` are the variables of every function."""
    return {
        "handler": spec.handler,
        "code": str(spec.code.resolve()),
        "arn": spec.arn,
        "timeout": spec.timeout,
        "confined": confinement.enabled,
        "shared": confinement.shared,
        "environment": {**base, **spec.environment, **_reserved(spec, base, stream)},
    }


def _reserved(spec: FunctionSpec, base: Mapping[str, str], stream: str) -> dict[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime."""
    arn = spec.arn.split(":")
    region = arn[3] if len(arn) > 3 else base.get("AWS_REGION", "us-east-1")  # noqa: PLR2004 - arn:aws:lambda:region
    return {
        "_HANDLER": spec.handler,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": execution_environment(),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_REGION": region,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LAMBDA_TASK_ROOT": str(spec.code.resolve()),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
    }
