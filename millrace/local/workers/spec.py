"""The specification of a function for a worker, and the outcome of an invocation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
