"""Route selection.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

DEFAULT = "$default"
_LITERAL, _VARIABLE, _GREEDY = range(3)
Rank = tuple[bool, tuple[int, ...], bool]


@dataclass(frozen=True)
class Match:
    """A route and the values of its path parameters."""

    route: Any
    parameters: dict[str, str] = field(default_factory=dict)


def match(routes: Iterable[Any], method: str, path: str) -> Match | None:
    """Return the most specific of moto's routes for a request.

    A full match precedes a greedy one, a literal segment a variable, a method ANY. The default route comes last.
    """
    found: list[tuple[Rank, Match]] = []
    default = None
    for route in list(routes):
        if route.route_key == DEFAULT:
            default = Match(route)
        for rank, parameters in _matches(route.route_key, method, path):
            found.append((rank, Match(route, parameters)))
    return min(found, key=lambda each: each[0])[1] if found else default


def _matches(key: str, method: str, path: str) -> Iterable[tuple[Rank, dict[str, str]]]:
    """Yield the rank and path parameters of a route, if it matches."""
    route_method, _, pattern = key.partition(" ")
    if route_method not in ("ANY", method):
        return
    parameters: dict[str, str] = {}
    kinds: list[int] = []
    segments = _segments(path)
    for index, segment in enumerate(_segments(pattern)):
        kind = _kind(segment)
        kinds.append(kind)
        if index >= len(segments) or (kind == _LITERAL and segment != segments[index]):
            return
        if kind == _GREEDY:
            parameters[segment[1:-2]] = "/".join(segments[index:])
            yield (True, tuple(kinds), route_method == "ANY"), parameters
            return
        if kind == _VARIABLE:
            parameters[segment[1:-1]] = segments[index]
    if len(segments) == len(kinds):
        yield (False, tuple(kinds), route_method == "ANY"), parameters


def _kind(segment: str) -> int:
    if not segment.startswith("{"):
        return _LITERAL
    return _GREEDY if segment.endswith("+}") else _VARIABLE


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")
