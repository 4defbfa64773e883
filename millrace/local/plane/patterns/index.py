"""Many patterns at once: only those that an event can match are tried."""

from collections.abc import Hashable, Iterator
from math import prod
from typing import Any, Generic, TypeVar

from millrace.local.plane.patterns.paths import Path
from millrace.local.plane.patterns.pattern import Branch, Clause, Pattern, exact_key

MAX_PLACES = 64
"""In how many places of the tree one branch may stand: the product of the numbers of its exact values."""
_FIRST = ("source", "detail-type")

Key = TypeVar("Key", bound=Hashable)
Route = tuple[tuple[Path, Any], ...]
"""The exact values on the way to a place: ((path, value), …)."""


class _Place:
    """A place in the tree: the patterns whose exact values all lie on the way here, and the ways on, field by field."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.ways: dict[str, tuple[Path, dict[Any, _Place]]] = {}

    def is_bare(self) -> bool:
        return not self.numbers and not self.ways


class PatternIndex(Generic[Key]):
    """Patterns under keys of the caller's, found by an event at a cost that hardly grows with their number.

    A tree over the exact values (`source` first, then `detail-type`, then the others) leads to the few patterns worth
    trying. Patterns that only prefixes and the like tell apart are tried one by one.
    """

    def __init__(self) -> None:
        self._root = _Place()
        self._numbers: dict[Key, int] = {}
        self._entries: dict[int, tuple[Key, Pattern]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._numbers

    def add(self, key: Key, pattern: Pattern) -> None:
        """Take a pattern in. A key that is already there keeps its turn and gets the new pattern."""
        number = self._numbers.get(key, self._next)
        self.discard(key)
        self._next = max(self._next, number + 1)
        self._numbers[key] = number
        self._entries[number] = (key, pattern)
        for route in _routes(pattern):
            self._place(route).numbers.add(number)

    def discard(self, key: Key) -> None:
        """Forget a key; one that is not there is fine."""
        number = self._numbers.pop(key, None)
        if number is None:
            return
        _, pattern = self._entries.pop(number)
        for route in _routes(pattern):
            _remove(self._root, route, number)

    def matching(self, event: dict[str, Any]) -> list[Key]:
        """The keys whose patterns the event matches, in the order they were added."""
        worth_trying: set[int] = set()
        _reach(self._root, event, worth_trying)
        tried = (self._entries[number] for number in sorted(worth_trying))
        return [key for key, pattern in tried if pattern.matches(event)]

    def _place(self, route: Route) -> _Place:
        place = self._root
        for path, value in route:
            _, ways = place.ways.setdefault(path.name, (path, {}))
            place = ways.setdefault(value, _Place())
        return place


def _reach(place: _Place, event: dict[str, Any], numbers: set[int]) -> None:
    numbers |= place.numbers
    for path, ways in place.ways.values():
        for value in _values(path, event):
            following = ways.get(exact_key(value))
            if following is not None:
                _reach(following, event, numbers)


def _values(path: Path, event: dict[str, Any]) -> list[Any]:
    if len(path.keys) == 1:
        value = event.get(path.name)
        if value.__class__ is str:
            return [value]
    return [value for value, _ in path.leaves(event)]


def _remove(place: _Place, route: Route, number: int) -> None:
    if not route:
        place.numbers.discard(number)
        return
    (path, value), rest = route[0], route[1:]
    _, ways = place.ways.get(path.name, (path, {}))
    if value not in ways:
        return
    _remove(ways[value], rest, number)
    if ways[value].is_bare():
        del ways[value]
    if not ways:
        del place.ways[path.name]


def _routes(pattern: Pattern) -> Iterator[Route]:
    for branch in pattern.branches:
        yield from _unfolded(_indexed(branch))


def _indexed(branch: Branch) -> list[Clause]:
    chosen: list[Clause] = []
    for clause in sorted(branch.clauses, key=_rank):
        places = prod(len(clause.exact) for clause in [*chosen, clause])
        if clause.is_exact and places <= MAX_PLACES:
            chosen.append(clause)
    return chosen


def _rank(clause: Clause) -> tuple[int, str]:
    name = clause.path.name
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST)), name


def _unfolded(clauses: list[Clause]) -> Iterator[Route]:
    if not clauses:
        yield ()
        return
    for value in clauses[0].exact:
        for rest in _unfolded(clauses[1:]):
            yield ((clauses[0].path, value), *rest)
