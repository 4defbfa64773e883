"""Finds effects of a list handler that name no cause, from its syntax, without running it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from millrace.flow.assembly import SourceLocation
from millrace.flow.syntax import handler_file, parsed

_APPENDS = ("update", "append")


@dataclass(frozen=True)
class Unnamed:
    """An append, or a returned event, without its cause. `fix` is the code that names it."""

    what: str
    fix: str
    location: SourceLocation


def unnamed_causes(root: Path, function: str) -> Iterator[Unnamed]:
    """The effects without a cause in the body of a list handler. What it calls is checked at run time."""
    file = handler_file(function)
    tree = parsed(root / file) if (root / file).is_file() else ast.Module([], [])
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "handler" and _takes_list(node):
            yield from sorted(_appended(node, file), key=lambda found: found.location.line)
            yield from sorted(_returned(node, file), key=lambda found: found.location.line)


def _takes_list(handler: ast.FunctionDef) -> bool:
    """Whether it is a processor of a list of events. A step handles one flow, even with a list."""
    processors = [node for each in handler.decorator_list for node in ast.walk(each) if _named(node) == "processor"]
    return bool(processors) and any(_generic(argument) == "list" for argument in handler.args.args)


def _appended(handler: ast.FunctionDef, file: str) -> Iterator[Unnamed]:
    stores = {argument.arg for argument in handler.args.args if _generic(argument) == "EventStore"}
    for node in ast.walk(handler):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = f"{_named(node.func.value)}.{node.func.attr}"
        given = {keyword.arg for keyword in node.keywords}
        if _named(node.func.value) in stores and node.func.attr in _APPENDS and not given & {"cause", None}:
            yield Unnamed(f"calls {called}", f"{called}(…, cause=event)", SourceLocation(file, node.lineno))


def _returned(handler: ast.FunctionDef, file: str) -> Iterator[Unnamed]:
    events = {_named(node) for node in ast.walk(handler.returns)} - {None} if handler.returns else set()
    for node in ast.walk(handler):
        value = node.value if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) else None
        for made in _elements(value):
            name = _named(made.func) if isinstance(made, ast.Call) else None
            if name in events:
                yield Unnamed(f"returns {name}", f"{name}(…).caused_by(event)", SourceLocation(file, made.lineno))


def _elements(value: ast.expr | None) -> Iterator[ast.expr]:
    """The expressions of the values that a handler returns."""
    match value:
        case ast.List(elts=inner) | ast.Tuple(elts=inner):
            parts = inner
        case ast.ListComp(elt=item) | ast.GeneratorExp(elt=item):
            parts = [item]
        case ast.IfExp(body=body, orelse=orelse):
            parts = [body, orelse]
        case None:
            return
        case _:
            yield value
            return
    for part in parts:
        yield from _elements(part)


def _generic(argument: ast.arg) -> str | None:
    """The generic type of an annotation: `list` of `list[OrderSourceLocationd]`."""
    return _named(argument.annotation.value) if isinstance(argument.annotation, ast.Subscript) else None


def _named(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
