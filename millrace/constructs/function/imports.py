"""Which modules of other folders below `functions/` a function's own code imports, read without running it."""

import ast
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

from millrace.constructs.function.declared import FUNCTIONS


def imported_modules(root: Path, files: list[Path]) -> list[Path]:
    """The files below `functions/` that these files import, and those that they import in turn, with their packages."""
    found: dict[Path, None] = {}
    waiting = list(files)
    while waiting:
        for file in _imports(root, waiting.pop()):
            if file not in found and file not in files:
                found[file] = None
                waiting.append(file)
    return sorted(found)


def _imports(root: Path, file: Path) -> Iterator[Path]:
    package = ".".join(file.parent.relative_to(root).parts)
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        for name in _named(node, package):
            if name.split(".")[0] == FUNCTIONS:
                yield from _files_of(root, name)


def _named(node: ast.AST, package: str) -> Iterator[str]:
    """The modules an import may mean: `from a import b` may name the module a.b, or a name within a."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        module = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names)


def _files_of(root: Path, module: str) -> Iterator[Path]:
    place = root
    for part in module.split("."):
        place /= part
        yield from (file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file())
