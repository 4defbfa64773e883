"""Where the user wrote what the graph shows: handlers and contracts, by file and line."""

import ast
import inspect
from functools import cache
from pathlib import Path

from millrace.events import Event
from millrace.flow.assembly import Place

FUNCTIONS = "functions"


def handler_file(function: str) -> str:
    """The file of a function's handler, from the project's folder."""
    return f"{FUNCTIONS}/{function}/handler.py"


def handler_place(root: Path, function: str) -> Place | None:
    """The line of `def handler` in a folder below functions/; None for a function of the kit's own."""
    file = handler_file(function)
    return _definition(root, file, "handler") if (root / file).is_file() else None


def contract_place(root: Path, event: type[Event]) -> Place | None:
    """The line of an event's class; None outside the project."""
    try:
        file = Path(inspect.getfile(event)).resolve().relative_to(root.resolve())
    except (TypeError, ValueError):  # a class of no file, or of another project
        return None
    return _definition(root, file.as_posix(), event.__name__)


def _definition(root: Path, file: str, name: str) -> Place | None:
    for node in parsed(root / file).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return Place(file, node.lineno)
    return None


def parsed(file: Path) -> ast.Module:
    """The syntax of a source file, read once for each of its states."""
    return _parsed(file, file.stat().st_mtime_ns)


@cache
def _parsed(file: Path, _changed: int) -> ast.Module:
    return ast.parse(file.read_bytes(), str(file))
