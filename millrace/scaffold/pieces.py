"""Add a piece to a project: its files from a template, and its construct in the stack."""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from millrace.events import Catalog, Event
from millrace.scaffold.project import ScaffoldError, render
from millrace.scaffold.wiring import Wiring, insert

Kind = Literal["event", "processor", "step", "saga", "projection", "query", "stream", "schedule"]
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_WIRING = {
    "processor": Wiring(("Processor",), 'Processor(self, "{pascal}", bus=bus, function="{name}")'),
    "stream": Wiring(("StreamProcessor",), 'StreamProcessor(self, "{pascal}", bus=bus, function="{name}")'),
    "step": Wiring(("Mediator",), 'Mediator(self, "{pascal}Flow", bus=bus, steps=["{name}"])'),
    "saga": Wiring(
        ("Saga", "SagaStep"),
        'Saga(\n            self,\n            "{pascal}",\n            bus=bus,\n'
        '            steps=[SagaStep("reserve_{name}", undo="release_{name}")],\n'
        '            completed="complete_{name}",\n            rejected="reject_{name}",\n        )',
    ),
    "projection": Wiring(
        ("Projection",), 'self.{name} = Projection(self, "{pascal}View", bus=bus, function="view_{name}")'
    ),
    "query": Wiring(
        ("Api",), 'Api(self, "{pascal}Api", bus=bus, queries=["{name}"], tables={{"{view}": self.{view}}})'
    ),
    "schedule": Wiring(
        ("Processor", "Schedule"),
        'Schedule(self, "{pascal}Schedule", bus=bus, event={pascal}Due, cron="0 3 * * ? *")\n'
        '        Processor(self, "{pascal}", bus=bus, function="{name}")',
        ("from functions.contracts.{name} import {pascal}Due",),
    ),
}
_EVENT = "from {event_module} import {event}"
_SAGA = "from functions.contracts.{name} import "
_VIEW = "from functions.contracts.{name}_view import {pascal}View"
_IMPORTS: dict[str, dict[str, tuple[str, ...]]] = {
    "saga": {
        "reserve_imports": (_EVENT, _SAGA + "{pascal}Refused, {pascal}Reserved"),
        "release_imports": (_EVENT, _SAGA + "{pascal}Released, {pascal}Reserved"),
        "complete_imports": (_EVENT, _SAGA + "{pascal}Completed"),
        "reject_imports": (_EVENT, _SAGA + "{pascal}Refused, {pascal}Rejected"),
    },
    "projection": {
        "handler_imports": (_EVENT, _VIEW),
        "test_imports": (_EVENT, _VIEW, "from functions.view_{name}.handler import handler"),
    },
    "stream": {
        "test_imports": (
            "from functions.contracts.{name} import {pascal}Exceeded, {pascal}Reading",
            "from functions.{name}.handler import handler",
        ),
    },
    "query": {
        "test_imports": ("from {view_module} import {view_class}", "from functions.{name}.handler import handler"),
    },
}


@dataclass(frozen=True)
class Piece:
    """A piece to add. `event` is the class name of the event that it consumes; by default, the project's first one."""

    kind: Kind
    name: str
    event: str | None = None

    def add(self, root: Path) -> str:
        """Create the files and insert the construct. Returns what is left to do by hand, or an empty text."""
        data = self._data(root)
        self._check(root)
        data |= self._view(root) if self.kind == "query" else {}
        data |= _imports(self.kind, data)
        render(f"pieces/{self.kind}", root, data)
        wiring = _WIRING.get(self.kind)
        if wiring is None:
            return ""
        imports = tuple(line.format(**data) for line in wiring.imports)
        return insert(root, Wiring(wiring.names, wiring.call.format(**data), imports))

    @property
    def snake(self) -> str:
        """The name of the piece in files: `refund_requested` for RefundRequested."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name).lower()

    def _check(self, root: Path) -> None:
        if not _NAME.fullmatch(self.snake):
            raise ScaffoldError(f"{self.name!r} is no name: use letters, digits and underscores, such as award_points.")
        taken = [root / "tests" / f"test_{self.snake}.py", root / "functions" / self.snake]
        for path in taken:
            if path.exists():
                raise ScaffoldError(f"{path.relative_to(root)} exists: choose another name, or delete it.")

    def _data(self, root: Path) -> dict[str, Any]:
        if not (root / "functions" / "contracts").is_dir():
            raise ScaffoldError(f"{root} has no functions/contracts: run millrace new in a project.")
        project = Catalog.load("functions.contracts")
        own = {
            "name": self.snake,
            "pascal": "".join(part.capitalize() for part in self.snake.split("_")),
            "title": self.snake.replace("_", " ").capitalize(),
            "source": f"{_system(project, root)}.{self.snake}",
        }
        return own if self.kind in ("event", "schedule", "stream") else own | _event(self._consumed(project))

    def _consumed(self, project: Catalog) -> type[Event]:
        events = {event.__name__: event for event in project}
        external = [name for name, event in events.items() if event.contract.external]
        name = self.event or next(iter(external or events), None)
        if name not in events:
            raise ScaffoldError(f"There is no event {name}: choose one of {', '.join(events) or 'none'} with --event.")
        return events[name]

    def _view(self, root: Path) -> dict[str, str]:
        """The only read model of the project, or that of `event`."""
        views = sorted(file.stem.removesuffix("_view") for file in (root / "functions/contracts").glob("*_view.py"))
        name = self.event or (views[0] if len(views) == 1 else "")
        if name not in views:
            known = ", ".join(views) or "none yet; run millrace new projection NAME"
            raise ScaffoldError(f"Choose the read model of the query with --view. Read models: {known}.")
        module = f"functions.contracts.{name}_view"
        (view,) = (each for each in vars(importlib.import_module(module)).values() if hasattr(each, "key"))
        return {"view": name, "view_module": module, "view_class": view.__name__, "view_key": view.key}


def _imports(kind: Kind, data: Mapping[str, str]) -> dict[str, str]:
    """The imports of the piece's modules, whose order depends on names, by the name of their template variable."""
    needed = {variable: [line.format(**data) for line in lines] for variable, lines in _IMPORTS.get(kind, {}).items()}
    return {variable: "\n".join(sorted(lines)) for variable, lines in needed.items()}


def _system(project: Catalog, root: Path) -> str:
    """The first part of the project's sources, or the name of its folder."""
    return next((event.contract.source.partition(".")[0] for event in project), root.name)


def _event(event: type[Event]) -> dict[str, str]:
    key = next((name for name, field in event.model_fields.items() if field.annotation is str), None)
    if key is None:
        raise ScaffoldError(f"{event.__name__} has no field of type str, by which its events belong together: add one.")
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", event.__name__).lower()
    return {"event": event.__name__, "event_name": snake, "event_module": event.__module__, "key": key}
