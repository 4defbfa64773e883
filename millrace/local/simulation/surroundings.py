"""The surroundings of a function in a shared process: its modules, environment variables, folder and SDK session.

Packages other than the function's own modules and Millrace are shared, since native code cannot be loaded twice.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3

from millrace.local.core.http import Response
from millrace.local.simulation.output import Output

_MILLRACE = "millrace"
Made = tuple[str, str, tuple[tuple[str, Any], ...] | None]
"""A client: its kind (client or resource), its service, and the settings of its Config, if it has one."""


@dataclass(frozen=True)
class Answered:
    """The pickled parameters of a call, and its response."""

    params: bytes
    response: Response


Recorded = dict[str, Answered]
"""One call of each operation."""


class Surroundings:
    """What a function, or the cloud itself, sees of this process while it runs."""

    def __init__(self, environment: Mapping[str, str], path: list[str], folder: str, streams: tuple[Any, Any]) -> None:
        self.modules: dict[str, ModuleType] = {}
        self.variables = {name.encode(): value.encode() for name, value in environment.items()}
        self.path = path
        self.folder = folder
        self.session: Any = None
        self.created: list[tuple[Made, Any]] = []
        self.prepared: dict[Made, list[Any]] = {}
        """Clients that were created, and those that were made in advance."""
        self.loaded: tuple[int, Collection[str]] = (0, ())
        """How many clients and which modules the initialization created."""
        self.recorded: dict[Made, Recorded] = {}
        self.streams = streams
        self.log_handlers: list[logging.Handler] = []
        self.log_level = logging.WARNING

    def clients(self) -> Iterator[tuple[Made, Any]]:
        """Yield the clients that were created, and those that were made in advance."""
        yield from self.created
        yield from ((made, each) for made, ready in self.prepared.items() for each in ready)

    @classmethod
    def of_function(cls, config: Mapping[str, Any], package_view: Path, output: Output) -> "Surroundings":
        """Return the surroundings of a function, from the configuration of its worker."""
        home = tempfile.mkdtemp(prefix="millrace-")
        environment = {**config["environment"], "HOME": home, "TMPDIR": home, "LAMBDA_RUNTIME_DIR": str(package_view)}
        return cls(environment, [config["code"], str(package_view), *sys.path], config["code"], (output, output))


class Switch:
    """Exchanges the surroundings of the code that runs. Modules of the same name exist once per function."""

    def __init__(self) -> None:
        self._managed = {_MILLRACE}
        self._shared = -1
        self._answering = False
        self.cloud = self.current = Surroundings({}, [], "", (None, None))

    def manage(self, code: Path) -> None:
        """Keep the modules of a function's folder apart from those of others."""
        self._managed |= {entry.name.partition(".")[0] for entry in code.iterdir()}
        self._shared = -1

    def modules_since(self, known: Collection[str]) -> list[str]:
        """Return the names of the shared modules that were loaded meanwhile."""
        return [name for name in sys.modules if name not in known and name.partition(".")[0] not in self._managed]

    @contextmanager
    def entered(self, surroundings: Surroundings) -> Iterator[None]:
        """Run a block in other surroundings."""
        before, answering = self.current, self._answering
        if answering:
            self._end_answer()
        self.to(surroundings)
        try:
            yield
        finally:
            self.to(before)
            if answering:
                self._begin_answer()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Answer a call of AWS: exchange only what the cloud reads, its modules and variables."""
        if self._answering or self.current is self.cloud:
            yield
            return
        self._begin_answer()
        try:
            yield
        finally:
            self._end_answer()

    def _begin_answer(self) -> None:
        self.current.modules, self.current.path = self._modules(self.current), sys.path[:]
        self._install(self.current, self.cloud)
        self._answering = True

    def _end_answer(self) -> None:
        self.cloud.modules = self._modules(self.cloud)
        self._install(self.cloud, self.current)
        self._answering = False

    def to(self, surroundings: Surroundings) -> None:
        """Leave the current surroundings for others."""
        if surroundings is self.current:
            return
        self._save(self.current)
        self._install(self.current, surroundings)
        self.current = surroundings
        os.chdir(surroundings.folder)
        boto3.DEFAULT_SESSION = surroundings.session
        sys.stdout, sys.stderr = surroundings.streams
        tempfile.tempdir = None
        root = logging.getLogger()
        root.handlers[:] = surroundings.log_handlers
        if root.level != surroundings.log_level and surroundings is not self.cloud:
            root.setLevel(surroundings.log_level)  # clears the caches of all loggers, so not between functions

    @staticmethod
    def _install(leaving: Surroundings, entering: Surroundings) -> None:
        for name in leaving.modules.keys() - entering.modules.keys():
            del sys.modules[name]
        sys.modules.update(entering.modules)
        vars(os.environ)["_data"] = entering.variables  # at once: putenv() of each variable takes longer
        sys.path[:] = entering.path

    def _save(self, leaving: Surroundings) -> None:
        leaving.modules = self._modules(leaving)
        leaving.variables, leaving.path, leaving.session = vars(os.environ)["_data"], sys.path[:], boto3.DEFAULT_SESSION
        leaving.folder, leaving.streams = os.getcwd(), (sys.stdout, sys.stderr)  # noqa: PTH109 - on each call of AWS
        root = logging.getLogger()
        leaving.log_handlers, leaving.log_level = root.handlers[:], root.level

    def _modules(self, current: Surroundings) -> dict[str, ModuleType]:
        """Return the loaded modules that are managed."""
        if len(sys.modules) == len(current.modules) + self._shared:
            return current.modules
        found = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in self._managed}
        self._shared = len(sys.modules) - len(found)
        return found
