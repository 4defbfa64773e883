"""What a worker is told about a function, and what it tells about an invocation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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


@dataclass(frozen=True)
class Debugging:
    """A function to debug, by its folder or its name, and the port on loopback at which debugpy listens.

    The debugger shows the files of `project`. `packages` is the folder that holds debugpy. `waits` is called when the
    function waits for a client.
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
