"""Which route a request takes.

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
    """A route, and what the variables of its path are in a request."""

    route: Any
    parameters: dict[str, str] = field(default_factory=dict)


def matched(routes: Iterable[Any], method: str, path: str) -> Match | None:
    """The most specific of moto's routes that takes a request.

    A full match goes before a greedy one, a literal segment before a variable, a method before ANY, and the default
    route takes what no other does.
    """
    known = list(routes)
    found = [(rank, Match(route, told)) for route in known for rank, told in _fits(route.route_key, method, path)]
    if found:
        return min(found, key=lambda each: each[0])[1]
    return next((Match(route) for route in known if route.route_key == DEFAULT), None)


def _fits(key: str, method: str, path: str) -> Iterable[tuple[Rank, dict[str, str]]]:
    """The rank of a route that takes the request, and its variables; nothing for another."""
    wanted, _, pattern = key.partition(" ")
    if wanted not in ("ANY", method):
        return
    told: dict[str, str] = {}
    kinds: list[int] = []
    given = _segments(path)
    for index, segment in enumerate(_segments(pattern)):
        kind = _kind(segment)
        kinds.append(kind)
        if index >= len(given) or (kind == _LITERAL and segment != given[index]):
            return
        if kind == _GREEDY:
            told[segment[1:-2]] = "/".join(given[index:])
            yield (True, tuple(kinds), wanted == "ANY"), told
            return
        if kind == _VARIABLE:
            told[segment[1:-1]] = given[index]
    if len(given) == len(kinds):
        yield (False, tuple(kinds), wanted == "ANY"), told


def _kind(segment: str) -> int:
    if not segment.startswith("{"):
        return _LITERAL
    return _GREEDY if segment.endswith("+}") else _VARIABLE


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").split("/")
