"""The specification of a function for a worker, and the outcome of an invocation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

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
    ) -> None:
        """Run a function once and call `done` with the outcome, exactly once."""

    def kill(self, request_id: str) -> None:
        """End the environment that runs an invocation, if one does."""

    def retire(self, name: str) -> None:
        """End the environments of a function."""

    def close(self) -> None:
        """End every environment."""
