"""Which events a handler makes, from its syntax and that of the project's functions that it calls: nothing is run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import resolve_name
from pathlib import Path

from millrace.flow.assembly import Place
from millrace.flow.places import FUNCTIONS, handler_file, parsed

PUT_EVENTS = "put_events"
Name = tuple[str, str]
"""A module and a name in it."""


@dataclass(frozen=True)
class Said:
    """A place that makes something, which an event may be; or, where `event` is None, a call of put_events."""

    event: Name | None
    place: Place


def said_by(root: Path, function: str) -> Iterator[Said]:
    """What the handler of a folder below functions/ makes and calls; nothing for one of the kit's own."""
    start = handler_file(function)
    if (root / start).is_file():
        yield from _Walk(root).from_definition(_module(root, start), "handler")


class _Walk:
    """Goes through definitions, each once, as far as they lie in the project."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[tuple[str, str]] = set()

    def from_definition(self, module: "_Module", name: str) -> Iterator[Said]:
        definition = module.definitions.get(name)
        if definition is None or (module.file, name) in self._seen:
            return
        self._seen.add((module.file, name))
        for node in ast.walk(definition):
            if isinstance(node, ast.Call):
                yield from self._called(module, node)
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                yield from self._named(module, node)

    def _called(self, module: "_Module", call: ast.Call) -> Iterator[Said]:
        place = Place(module.file, call.lineno)
        if isinstance(call.func, ast.Attribute) and call.func.attr == PUT_EVENTS:
            yield Said(None, place)
        for node in (call.func, _without_method(call.func)):
            made = self._home(module.meant(node))
            if made:
                yield Said(made, place)

    def _named(self, module: "_Module", node: ast.expr) -> Iterator[Said]:
        """Into a function or a class of the project, wherever it is mentioned: it may be called by others."""
        meant = self._home(module.meant(node))
        other = self._module(meant[0]) if meant else None
        if meant and other:
            yield from self.from_definition(other, meant[1])

    def _home(self, name: Name | None) -> Name | None:
        """Where in the project a name is defined, past modules that only import it."""
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
        place = name.replace(".", "/")
        file = next((f for f in (f"{place}.py", f"{place}/__init__.py") if (self._root / f).is_file()), None)
        return _module(self._root, file) if file else None


class _Module:
    """One source file: what it defines at its top, and what it imports."""

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
        """The names that stand for something of another module; a whole module has no name in it."""
        found: dict[str, Name] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Import):
                found |= {alias.asname or alias.name: (alias.name, "") for alias in node.names}
            if isinstance(node, ast.ImportFrom):
                module = resolve_name("." * node.level + (node.module or ""), self._package)
                found |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
        return found

    def meant(self, node: ast.expr | None) -> Name | None:
        """What an expression names: something of this module, or of one that it imports."""
        if isinstance(node, ast.Name):
            return (self._name, node.id) if node.id in self.definitions else self.imported.get(node.id)
        if isinstance(node, ast.Attribute):
            text = ast.unparse(node.value)
            module, name = self.imported.get(text, ("", ""))
            return (f"{module}.{name}".rstrip("."), node.attr) if module else None
        return None


def _without_method(node: ast.expr) -> ast.expr | None:
    """The class of `Event.model_construct`."""
    return node.value if isinstance(node, ast.Attribute) else None


def _module(root: Path, file: str) -> _Module:
    return _known(file, parsed(root / file))


@cache
def _known(file: str, tree: ast.Module) -> _Module:
    return _Module(file, tree)
