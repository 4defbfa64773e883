"""JSONPath.

Reference paths, which select one node, are evaluated here; AWS's causes name the step that fails. Everything else
(filters, slices, wildcards) is left to jsonpath-ng: see decision 0075.

https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import (
    MISSING,
    RUNTIME,
    Data,
    EvaluationError,
    compact,
)

Steps = tuple[str | int, ...]

_SCOPE = re.compile(r"\$(\$|[^\W\d]\w*)?(?=[.\[]|$)")
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]()*?,'"`@\s]+)"""
    r"""|\[(?P<index>-?\d{1,9})\]"""
    r"""|\[\s*(?P<quote>['"])(?P<quoted>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)\s*\]"""
)
_ESCAPE = re.compile(r"\\(.)")
_ENDS_WITH_ONE = re.compile(r"\[\d+\]$")
"""AWS takes such an item out of the array that the path selects."""


@dataclass(frozen=True)
class JsonPath:
    """A compiled path. `scope` is empty for the input, `$` for the context object, or the name of a variable.

    `steps` are those of a reference path; `query` is jsonpath-ng's expression of any other path.
    """

    text: str
    scope: str
    steps: Steps | None
    query: Any = None

    def find(self, data: Data) -> Any:
        """Return what the path selects, or MISSING. Other paths than reference paths select a list."""
        root = self._root(data)
        if self.steps is not None:
            return _follow(self.steps, root)
        try:
            values = [match.value for match in self.query.find(root)]
        except (TypeError, AttributeError, RecursionError) as error:
            raise EvaluationError(RUNTIME, f"Invalid path '{self.text}' : {error}") from error
        return values[0] if len(values) == 1 and _ENDS_WITH_ONE.search(self.text) else values

    def reason(self, data: Data) -> str:
        """Return why the path selects nothing."""
        node, done = self._root(data), "$"
        steps = self.steps or ()
        for number, step in enumerate(steps):
            following = _follow((step,), node)
            done_here = f"{done}[{_quoted(step)}]"
            if following is MISSING:
                return _reason(step, node, done, done_here, is_last=number == len(steps) - 1)
            node, done = following, done_here
        return f"No results for path: {done}"

    def _root(self, data: Data) -> Any:
        if self.scope in {"", "$"}:
            return data.context if self.scope else data.input
        if self.scope not in data.variables:
            raise EvaluationError(
                RUNTIME, f"The variable '${self.scope}' in the expression '{self.text}' is not defined"
            )
        return data.variables[self.scope]


@lru_cache(4096)
def compile_path(text: str) -> JsonPath:
    """Compile a path. Raises ValueError if it is none."""
    scope = _SCOPE.match(text)
    if not scope:
        raise ValueError(f"'{text}' is not a JSONPath")
    rest = text[scope.end() :]
    steps = _steps(rest)
    query = None if steps is not None else _query(text, rest)
    return JsonPath(text, scope[1] or "", steps, query)


def _steps(rest: str) -> Steps | None:
    steps: list[str | int] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if not match:
            return None
        name = _ESCAPE.sub(r"\1", match["quoted"]) if match["quote"] else match["name"]
        steps.append(int(match["index"]) if match["index"] else name)
        position = match.end()
    return tuple(steps)


def _query(text: str, rest: str) -> Any:
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.ext.parser import parse

    try:
        return parse(f"${rest}")
    except (JSONPathError, RecursionError) as error:
        raise ValueError(f"'{text}' is not a JSONPath: {error}") from error


def _follow(steps: Steps, node: Any) -> Any:
    for step in steps:
        if isinstance(step, str):
            node = node.get(step, MISSING) if isinstance(node, Mapping) else MISSING
        else:
            is_in_array = isinstance(node, list) and -len(node) <= step < len(node)
            node = node[step] if is_in_array else MISSING
        if node is MISSING:
            return MISSING
    return node


def _reason(step: str | int, node: Any, parent: str, path: str, *, is_last: bool) -> str:
    if isinstance(step, int):
        if isinstance(node, list):
            return f"No results for path: {path}"
        return f"Filter: [{step}] can only be applied to arrays. Current context is: {compact(node)}"
    if isinstance(node, Mapping):
        return f"No results for path: {path}" if is_last else f"Missing property in path {path}"
    return f"Property [{_quoted(step)}] not found in path {parent}"


def _quoted(step: str | int) -> str:
    return f"'{step}'" if isinstance(step, str) else str(step)


def select(path: str | None, data: Data) -> Any:
    """Return what InputPath, OutputPath or any other path selects: `$`, `$$` of the context, `$name` of a variable.

    Null selects {}. Raises EvaluationError if nothing is there.
    """
    if path is None:
        return {}
    compiled = compile_path(path)
    found = compiled.find(data)
    if found is MISSING:
        raise EvaluationError(RUNTIME, f"Invalid path '{path}' : {compiled.reason(data)}")
    return found


def write(path: str | None, root: Any, result: Any) -> Any:
    """Return the input of a state with its result at ResultPath; the input itself is not changed.

    Raises States.ResultPathMatchFailure where the input has something else at the path.
    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultpath.html
    """
    if path is None:
        return root
    return _written(compile_path(path).steps or (), root, result)


def _written(steps: Steps, node: Any, result: Any) -> Any:
    if not steps:
        return result
    step, rest = steps[0], steps[1:]
    if isinstance(step, str) and isinstance(node, Mapping):
        return {**node, step: _written(rest, node.get(step, {}), result)}
    if isinstance(step, int) and isinstance(node, list) and -len(node) <= step < len(node):
        copied = list(node)
        copied[step] = _written(rest, node[step], result)
        return copied
    cause = f"Unable to apply step {compact(step)} to input {compact(node)}"
    raise EvaluationError("States.ResultPathMatchFailure", cause)
