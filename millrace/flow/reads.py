"""Finds the fields of an event that a function reads, from its syntax. The function is not run.

A read is a path such as ("address", "country") and includes all fields below it. The empty path is the whole event,
which counts as read when it is passed to unknown code. ITEM is any item of a list. SELF is a test of a value that reads
no part of it: whether it exists, or how many items it has.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

ITEM, SELF = "[]", "#"
FieldPath = tuple[str, ...]
Reads = dict[FieldPath, str]
"""The source location of each read, as file:line."""
_READS_NO_FIELD = frozenset({"isinstance", "bool", "len", "type", "update_once"})


def fields_read(function: Callable[..., Any], parameter: str, *, many: bool = False) -> Reads:
    """The paths that a function and the functions of its package read of the argument `parameter`.

    `many`: the argument is a list of events.
    """
    found = _reads_of(function, parameter, frozenset())
    if not many:
        return found
    return {path[1:] if path else path: location for path, location in found.items() if path != (SELF,)}


def covers(read: FieldPath, field: FieldPath) -> bool:
    """Whether a change of the field affects the read: one path contains the other."""
    shorter = min(len(read), len(field))
    return read[:shorter] == field[:shorter]


def _reads_of(function: Callable[..., Any], parameter: str, visited: frozenset[tuple[Any, str]]) -> Reads:
    plain = inspect.unwrap(function)
    if (plain, parameter) in visited:
        return {}
    try:
        lines, first = inspect.getsourcelines(plain)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return {(): getattr(plain, "__qualname__", repr(plain))}
    reader = _Reader(plain, parameter, first, visited | {(plain, parameter)})
    for node in tree.body:
        reader.generic_visit(node)
    return reader.found


class _Reader(ast.NodeVisitor):
    """Follows one parameter through one function. `names` holds the path of each variable that refers to it."""

    def __init__(self, function: Any, parameter: str, first: int, visited: frozenset[tuple[Any, str]]) -> None:
        self.found: Reads = {}
        self._function = function
        self._first = first
        self._visited = visited
        self._names: dict[str, FieldPath] = {parameter: ()}

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._read(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._read(node) or self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self._read(node) or self.generic_visit(node)

    def visit_If(self, node: ast.If | ast.IfExp | ast.While) -> None:
        self._test(node.test)
        for field, value in ast.iter_fields(node):
            if field != "test":
                for part in value if isinstance(value, list) else [value]:
                    self.visit(part)

    visit_IfExp = visit_While = visit_If  # noqa: N815 - ast's own names

    def visit_Assert(self, node: ast.Assert) -> None:
        self._test(node.test)

    def visit_For(self, node: ast.For) -> None:
        self._loop(node.target, node.iter)
        for part in [*node.body, *node.orelse]:
            self.visit(part)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        outer = dict(self._names)
        for loop in node.generators:
            untouched = self._path(loop.iter) is None
            self._loop(loop.target, loop.iter)
            if untouched and isinstance(loop.target, ast.Name):
                self._names.pop(loop.target.id, None)
            for condition in loop.ifs:
                self._test(condition)
        for part in [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]:
            self.visit(part)
        self._names = outer

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp  # noqa: N815 - the same

    def visit_Match(self, node: ast.Match) -> None:
        path = self._path(node.subject)
        if path is None:
            self.generic_visit(node)
            return
        for case in node.cases:
            self._case(case.pattern, path)
            for part in [*([case.guard] if case.guard else []), *case.body]:
                self.visit(part)

    def visit_Call(self, node: ast.Call) -> None:
        called = self._path(node.func)
        if called:
            self._note(called[:-1], node)  # a method can read any field
        elif called is None:
            self.visit(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(node.func, ast.Name) and node.func.id in _READS_NO_FIELD:
            for part in given:
                self._test(part)
            return
        for part in given:
            path = self._path(part)
            if path is None or not self._follow(node, part, path):
                self.visit(part)

    def _path(self, node: ast.AST) -> FieldPath | None:
        """The path of an expression, if it is part of the parameter."""
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Attribute | ast.Subscript):
            path = self._path(node.value)
            if path is not None:
                return (*path, node.attr if isinstance(node, ast.Attribute) else ITEM)
        return None

    def _read(self, node: ast.expr) -> bool:
        path = self._path(node)
        if path is None:
            return False
        self._note(path, node)
        return True

    def _note(self, path: FieldPath, node: ast.expr | ast.pattern) -> None:
        self.found.setdefault(path, f"{_file(self._function)}:{self._first + node.lineno - 1}")
        self._slices(node)

    def _slices(self, node: ast.expr | ast.pattern) -> None:
        while isinstance(node, ast.Attribute | ast.Subscript):
            if isinstance(node, ast.Subscript):
                self.visit(node.slice)
            node = node.value

    def _bind(self, name: str, path: FieldPath, node: ast.expr | ast.pattern) -> None:
        """Assign a path to a variable. Its previous path counts as read, because other branches can still use it."""
        before = self._names.get(name, path)
        if before != path:
            self._note(before, node)
        self._names[name] = path

    def _test(self, node: ast.expr) -> None:
        """A condition. A test for truth or for None reads no field of the value."""
        path = self._path(node)
        if path is not None:
            self._note((*path, SELF), node)
        elif isinstance(node, ast.BoolOp):
            for part in node.values:
                self._test(part)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self._test(node.operand)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot):
            for part in [node.left, *node.comparators]:
                self._test(part)
        else:
            self.visit(node)

    def _loop(self, target: ast.expr, over: ast.expr) -> None:
        path = self._path(over)
        if path is None or not isinstance(target, ast.Name):
            self.visit(over)
            return
        self._note((*path, SELF), over)
        self._bind(target.id, (*path, ITEM), over)

    def _case(self, pattern: ast.pattern, path: FieldPath) -> None:
        if isinstance(pattern, ast.MatchOr):
            for option in pattern.patterns:
                self._case(option, path)
        elif isinstance(pattern, ast.MatchAs):
            if pattern.pattern:
                self._case(pattern.pattern, path)
            if pattern.name:
                self._bind(pattern.name, path, pattern)
        elif isinstance(pattern, ast.MatchClass) and not pattern.patterns:
            for name in pattern.kwd_attrs:
                self._note((*path, name), pattern)
        else:
            self._note(path, pattern)

    def _follow(self, call: ast.Call, given: ast.expr, path: FieldPath) -> bool:
        """Follow an argument into a function of the same package. False if the function is not part of it."""
        called = self._called(call.func)
        parameter = _parameter(called, call, given) if called else None
        if called is None or parameter is None:
            return False
        for read, location in _reads_of(called, parameter, self._visited).items():
            self.found.setdefault((*path, *read), location)
        self._slices(given)
        return True

    def _called(self, node: ast.expr) -> FunctionType | None:
        names: Mapping[str, Any] = self._function.__globals__
        if isinstance(node, ast.Name):
            found = names.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = names.get(node.value.id)
            found = getattr(module, node.attr, None) if isinstance(module, ModuleType) else None
        else:
            return None
        plain = inspect.unwrap(found) if callable(found) else None
        return plain if isinstance(plain, FunctionType) and _package(plain) == _package(self._function) else None


def _parameter(called: FunctionType, call: ast.Call, given: ast.expr) -> str | None:
    """The parameter of an argument; None for calls with * or **."""
    if any(isinstance(part, ast.Starred) for part in call.args) or any(k.arg is None for k in call.keywords):
        return None
    try:
        bound = inspect.signature(called).bind(*call.args, **{k.arg: k.value for k in call.keywords if k.arg})
    except TypeError:
        return None
    return next((name for name, value in bound.arguments.items() if value is given), None)


def _package(function: FunctionType) -> str:
    return function.__module__.partition(".")[0]


def _file(function: FunctionType) -> str:
    file = Path(function.__code__.co_filename)
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)
