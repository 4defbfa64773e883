"""The specification of a function for a worker, and the outcome of an invocation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Status = Literal["ok", "error", "timeout", "exit"]


@dataclass(frozen=True)
class FunctionSpec:
    """A function as it is deployed.

    `code` is the folder of its unpacked archive, each of `layers` one that holds `python/`, the later ones first in
    rank. `timeout` is in seconds.
    """

    name: str
    arn: str
    version: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    environment: Mapping[str, str]
    timeout: float
    memory_mb: int
    log_group: str


@dataclass(frozen=True)
class Confinement:
    """Whether functions are confined, and the folders that they may read and write besides their own."""

    shared: tuple[str, ...] = ()
    enabled: bool = True


class Stoppable(Protocol):
    """A clock that stands still until each `stop` has been followed by a `go_on`."""

    def stop(self) -> None:
        """Stand still."""

    def go_on(self) -> None:
        """Go on."""


@dataclass(frozen=True)
class Debugging:
    """A function to debug, by its folder or its name, and the port on loopback at which debugpy listens.

    The debugger shows the files of `project`. `packages` is the folder that holds debugpy. `waits` is called when the
    function waits for a client. The function runs one invocation at a time, without a timeout.
    """

    function: str
    port: int
    project: str
    packages: str
    waits: Callable[[], None] = lambda: None

    def is_for(self, spec: FunctionSpec) -> bool:
        """Whether this is the function."""
        return self.function in (spec.name, spec.environment.get("POWERTOOLS_SERVICE_NAME"))

    def settings(self) -> dict[str, Any]:
        """What the worker needs."""
        return {"port": self.port, "project": self.project, "packages": self.packages}


@dataclass(frozen=True)
class Developer:
    """What a function does when its developer looks into it.

    `read_line` writes a prompt to a terminal and reads a line; None without a terminal. `clock` stands still while a
    function waits for a person.
    """

    debugging: Debugging | None = None
    read_line: Callable[[str], str] | None = None
    clock: Stoppable | None = None

    def debugs(self, spec: FunctionSpec) -> bool:
        """Whether a function is the one to debug."""
        return self.debugging is not None and self.debugging.is_for(spec)

    def settings(self, spec: FunctionSpec) -> dict[str, Any]:
        """What the worker of a function needs."""
        debug = self.debugging.settings() if self.debugging and self.debugs(spec) else None
        return {"debug": debug, "terminal": self.read_line is not None}


@dataclass(frozen=True)
class Outcome:
    """How one invocation ended.

    `payload` is the handler's answer, or AWS's JSON of the error. `log` holds one text for each log event, without its
    last newline. `init_ms` stands at the first invocation of a worker only.
    """

    status: Status
    payload: bytes
    log: tuple[str, ...]
    duration_ms: float
    init_ms: float | None
    max_memory_mb: int
    log_stream: str
    request_id: str


class Executor(Protocol):
    """Runs functions: in worker processes, or in this process in a simulation."""

    observe: Callable[[FunctionSpec, Outcome], object]

    def warm(self, layers: Sequence[Path]) -> None:
        """Prepare the packages of some layers. Raises LayerMismatchError."""

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
        """Run a function once and call `done` with the outcome, exactly once."""

    def kill(self, request_id: str) -> None:
        """End the environment that runs an invocation, if one does."""

    def retire(self, name: str) -> None:
        """End the environments of a function."""

    def close(self) -> None:
        """End every environment."""
