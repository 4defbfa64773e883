"""Finds modules that a function imports and that neither its code nor its layers contain."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millrace.flow.assembly import SourceLocation
from millrace.flow.findings import System
from millrace.flow.graph import Node
from millrace.flow.syntax import FUNCTIONS, parsed

PROVIDED_BY_LAMBDA = {"awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-sdk-included"""
_OPTIONAL_ERRORS = {"ImportError", "ModuleNotFoundError"}


@dataclass(frozen=True)
class MissingModule:
    """A module that nothing provides, and where it is imported."""

    name: str
    location: SourceLocation


def missing_modules(system: System, function: Node) -> Iterator[MissingModule]:
    """Return the missing modules of a function; none if a layer of the function does not list its modules."""
    provided = _provided(system, function)
    if provided is None:
        return
    for file in _sources(system.root, function):
        path = file.relative_to(system.root).as_posix()
        for name, line in _imported(parsed(file).body):
            if name not in provided:
                yield MissingModule(name, SourceLocation(path, line))


def _provided(system: System, function: Node) -> set[str] | None:
    resource = function.resource
    if resource is None:
        return None
    layers = [system.assembly.named(layer, resource) for layer in resource.properties.get("Layers", ())]
    modules = [layer.facts.get("provides") if layer else None for layer in layers]
    if not modules or None in modules:
        return None
    found = {name for names in modules for name in names or ()}
    return found | PROVIDED_BY_LAMBDA | set(sys.stdlib_module_names) | {FUNCTIONS}


def _sources(root: Path, function: Node) -> Iterator[Path]:
    for name in function.facts.get("sources", ()):
        path = root / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path] * (path.suffix == ".py" and path.is_file())


def _imported(body: list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """Return the top-level modules of imports, except those for type checkers and those that may fail."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from [((node.module or "").partition(".")[0], node.lineno)] * (node.level == 0)
        elif not _is_optional(node):
            nested = (child for child in ast.walk(node) if isinstance(child, ast.Import | ast.ImportFrom))
            yield from _imported(list(nested))


def _is_optional(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    if isinstance(node, ast.Try):
        return any(name in ast.unparse(h.type) for h in node.handlers if h.type for name in _OPTIONAL_ERRORS)
    return False
