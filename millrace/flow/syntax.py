"""Finds handlers, contracts and the events that a handler creates in the project's sources, without running them.

The events of a handler include those that the project's functions create for it.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import resolve_name
from pathlib import Path

from millrace.events import Event
from millrace.flow.assembly import SourceLocation

FUNCTIONS = "functions"
PUT_EVENTS = "put_events"
Name = tuple[str, str]
"""A module and a name in it."""


def handler_file(function: str) -> str:
    """The path of a function's handler, relative to the project's folder."""
    return f"{FUNCTIONS}/{function}/handler.py"


def handler_location(root: Path, function: str) -> SourceLocation | None:
    """The location of `def handler` in a folder below functions/; None for a function of Millrace itself."""
    file = handler_file(function)
    return _definition(root, file, "handler") if (root / file).is_file() else None


def contract_location(root: Path, event: type[Event]) -> SourceLocation | None:
    """The location of an event's class; None outside the project."""
    try:
        file = Path(inspect.getfile(event)).resolve().relative_to(root.resolve())
    except (TypeError, ValueError):  # the class has no file, or its file is outside the project
        return None
    return _definition(root, file.as_posix(), event.__name__)


def _definition(root: Path, file: str, name: str) -> SourceLocation | None:
    for node in parsed(root / file).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return SourceLocation(file, node.lineno)
    return None


def parsed(file: Path) -> ast.Module:
    """The syntax tree of a source file, cached until the file changes."""
    return _parsed(file, file.stat().st_mtime_ns)


@cache
def _parsed(file: Path, _modified: int) -> ast.Module:
    return ast.parse(file.read_bytes(), str(file))


@dataclass(frozen=True)
class Creation:
    """A call that creates an object, which can be an event; or a call of put_events, where `event` is None."""

    event: Name | None
    location: SourceLocation


def created_by(root: Path, function: str) -> Iterator[Creation]:
    """The calls in the handler of a folder below functions/, and in what it uses; none for one of Millrace itself."""
    start = handler_file(function)
    if (root / start).is_file():
        yield from _Walk(root).from_definition(_module(root, start), "handler")


class _Walk:
    """Visits definitions of the project, each once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[tuple[str, str]] = set()

    def from_definition(self, module: "_Module", name: str) -> Iterator[Creation]:
        definition = module.definitions.get(name)
        if definition is None or (module.file, name) in self._seen:
            return
        self._seen.add((module.file, name))
        for node in ast.walk(definition):
            if isinstance(node, ast.Call):
                yield from self._called(module, node)
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield from self._named(module, node)

    def _called(self, module: "_Module", call: ast.Call) -> Iterator[Creation]:
        location = SourceLocation(module.file, call.lineno)
        if isinstance(call.func, ast.Attribute) and call.func.attr == PUT_EVENTS:
            yield Creation(None, location)
        for node in (call.func, _without_method(call.func)):
            made = self._home(module.meaning(node))
            if made:
                yield Creation(made, location)

    def _named(self, module: "_Module", node: ast.expr) -> Iterator[Creation]:
        """Visit each function or class of the project that is named: it can be called elsewhere."""
        name = self._home(module.meaning(node))
        other = self._module(name[0]) if name else None
        if name and other:
            yield from self.from_definition(other, name[1])

    def _home(self, name: Name | None) -> Name | None:
        """Where in the project a name is defined, through modules that import it."""
        seen: set[Name] = set()
        while name and name not in seen:
            seen.add(name)
            module = self._module(name[0])
            if module is None:
                return None
            if name[1] in module.definitions:
                return name
            name = module.imported.get(name[1])
        return None

    def _module(self, name: str) -> "_Module | None":
        if name.partition(".")[0] != FUNCTIONS:
            return None
        path = name.replace(".", "/")
        file = next((f for f in (f"{path}.py", f"{path}/__init__.py") if (self._root / f).is_file()), None)
        return _module(self._root, file) if file else None


class _Module:
    """One source file: its top-level definitions and its imports."""

    def __init__(self, file: str, tree: ast.Module) -> None:
        self.file = file
        self._tree = tree
        self._name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        self._package = self._name if file.endswith("/__init__.py") else self._name.rpartition(".")[0]

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        found: dict[str, ast.stmt] = {}
        for node in self._tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = node
            if isinstance(node, ast.Assign):
                found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        return found

    @cached_property
    def imported(self) -> dict[str, Name]:
        """The names of other modules: (module, name), with an empty name for a whole module."""
        found: dict[str, Name] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Import):
                found |= {alias.asname or alias.name: (alias.name, "") for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                module = resolve_name("." * node.level + (node.module or ""), self._package)
                found |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
        return found

    def meaning(self, node: ast.expr | None) -> Name | None:
        """The definition that an expression names, in this module or an imported one."""
        if isinstance(node, ast.Name):
            return (self._name, node.id) if node.id in self.definitions else self.imported.get(node.id)
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node.value)
            module, name = self.imported.get(text, ("", ""))
            return (f"{module}.{name}".rstrip("."), node.attr) if module else None
        return None


def _without_method(node: ast.expr) -> ast.expr | None:
    """The class of a call such as `Event.model_construct()`."""
    return node.value if isinstance(node, ast.Attribute) else None


def _module(root: Path, file: str) -> _Module:
    return _known(file, parsed(root / file))


@cache
def _known(file: str, tree: ast.Module) -> _Module:
    return _Module(file, tree)
