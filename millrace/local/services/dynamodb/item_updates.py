"""Apply the actions of an update expression to a copy of an item.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
"""

from typing import Any

from millrace.local.services.dynamodb.attribute_values import UnsupportedRequestError, add, new
from millrace.local.services.dynamodb.item_expressions import Action, Path, Scope

_SETS = ("SS", "NS")


def updated(actions: tuple[Action, ...], scope: Scope, keys: dict[str, Any]) -> tuple[tuple[Path, ...], dict[str, Any]]:
    """Return the updated paths and the new attributes; operands read the item before the update.

    Raises UnsupportedRequestError, also for paths that overlap or are keys.
    """
    paths = tuple(scope.resolve(action.path) for action in actions)
    _check_paths(paths, keys)
    attributes = dict(scope.attributes or keys)
    for action, path in zip(actions, paths, strict=True):
        _APPLY[action.clause](attributes, path, action.value(scope) if action.value else None)
    return paths, attributes


def _check_paths(paths: tuple[Path, ...], keys: dict[str, Any]) -> None:
    for position, path in enumerate(paths):
        others = paths[position + 1 :]
        if path[0] in keys or any(path[: len(other)] == other[: len(path)] for other in others):
            raise UnsupportedRequestError


def _set(attributes: dict[str, Any], path: Path, value: Any) -> None:
    if value is None:
        raise UnsupportedRequestError
    container, last = _parent(attributes, path), path[-1]
    if isinstance(container, dict) and isinstance(last, str):
        container[last] = value
    elif isinstance(container, list) and isinstance(last, int):
        container[last : last + 1] = [value]
    else:
        raise UnsupportedRequestError


def _parent(attributes: dict[str, Any], path: Path) -> dict[str, Any] | list[Any]:
    """Return the map or list that contains the end of a path, after copying each level above it."""
    container: Any = attributes
    for part in list(path)[:-1]:
        try:
            child = container[part]
        except (LookupError, TypeError) as error:
            raise UnsupportedRequestError from error
        if child.type not in ("M", "L"):
            raise UnsupportedRequestError
        copied = new(child.type, child.value.copy())
        container[part] = copied
        container = copied.value
    found: dict[str, Any] | list[Any] = container
    return found


def _remove(attributes: dict[str, Any], path: Path, _: Any) -> None:
    container = _parent(attributes, path)
    if not isinstance(container, dict):
        raise UnsupportedRequestError
    container.pop(path[-1], None)  # type: ignore[arg-type]


def _add(attributes: dict[str, Any], path: Path, value: Any) -> None:
    name, current = _top_level(attributes, path)
    if value.type == "N":
        attributes[name] = add(current or new("N", "0"), value)
    elif value.type in _SETS and (current is None or current.type == value.type):
        old = current.value if current else []
        attributes[name] = new(value.type, [*old, *(each for each in value.value if each not in old)])
    else:
        raise UnsupportedRequestError


def _delete(attributes: dict[str, Any], path: Path, value: Any) -> None:
    name, current = _top_level(attributes, path)
    if value.type not in _SETS or (current is not None and current.type != value.type):
        raise UnsupportedRequestError
    left = [each for each in current.value if each not in value.value] if current else []
    if left:
        attributes[name] = new(value.type, left)
    else:
        attributes.pop(name, None)


def _top_level(attributes: dict[str, Any], path: Path) -> tuple[str, Any]:
    if len(path) > 1:
        raise UnsupportedRequestError
    return path[0], attributes.get(path[0])


_APPLY = {"SET": _set, "REMOVE": _remove, "ADD": _add, "DELETE": _delete}
