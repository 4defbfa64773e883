"""JSONPath as EventBridge supports it: `$.detail.items[0].name`, `$.resources[*]`.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

import re
from functools import lru_cache
from typing import Any, Final

MISSING: Final = object()
"""The result of a path that does not exist in the document."""
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+|\*)\]")

Step = str | int


class JsonPathError(ValueError):
    """EventBridge does not support a path."""


def find(document: Any, path: str) -> Any:
    """Return the value at a path, a list for a path with a wildcard, or MISSING. Raises JsonPathError."""
    steps = _steps(path)
    found = list(_walk(document, steps))
    if "*" in steps:
        return found
    return found[0] if found else MISSING


@lru_cache(1024)
def _steps(path: str) -> tuple[Step, ...]:
    if not path.startswith("$"):
        raise JsonPathError(f"{path!r} is not a JSONPath: it must begin with $.")
    steps: list[Step] = []
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise JsonPathError(f"{path!r}: EventBridge supports .name, [0] and [*], not {path[position:]!r}.")
        steps.append(step["name"] or (int(step["index"]) if step["index"] != "*" else "*"))
        position = step.end()
    return tuple(steps)


def _walk(node: Any, steps: tuple[Step, ...]) -> Any:
    if not steps:
        yield node
        return
    for child in _children(node, steps[0]):
        yield from _walk(child, steps[1:])


def _children(node: Any, step: Step) -> list[Any]:
    if step == "*":
        return list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    if isinstance(step, int):
        return [node[step]] if isinstance(node, list) and step < len(node) else []
    return [node[step]] if isinstance(node, dict) and step in node else []
