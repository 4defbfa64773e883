"""Many patterns at once: only those that an event can match are tried."""

from collections import Counter
from collections.abc import Hashable, Iterator
from math import prod
from typing import Any, Generic, NamedTuple, TypeVar

from millrace.patterns.paths import Path
from millrace.patterns.pattern import Branch, Clause, Pattern, exact_key

MAX_PLACES = 64
"""In how many places of the tree one branch may stand: the product of the numbers of its values."""
_FIRST = ("source", "detail-type")

Key = TypeVar("Key", bound=Hashable)
Route = tuple[tuple[Path, Any], ...]
"""The exact values and beginnings on the way to a place: ((path, value), …)."""


class _Beginning(NamedTuple):
    """The text that a `prefix` wants, told apart from an exact value."""

    text: str
    operator: str = "prefix"


class _Ways:
    """The ways on from a place, by the value of one field or by its beginning, of which the lengths are counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.to: dict[Any, _Place] = {}
        self._lengths: Counter[int] = Counter()

    def open(self, value: Any) -> "_Place":
        if value not in self.to:
            self.to[value] = _Place()
            if isinstance(value, _Beginning):
                self._lengths[len(value.text)] += 1
        return self.to[value]

    def close(self, value: Any) -> None:
        del self.to[value]
        if isinstance(value, _Beginning):
            self._lengths[len(value.text)] -= 1

    def taken_by(self, value: Any) -> "Iterator[_Place]":
        """The places that an event with this value leads to."""
        exact = self.to.get(exact_key(value))
        if exact is not None:
            yield exact
        if value.__class__ is str:
            for length, count in self._lengths.items():
                begun = self.to.get(_Beginning(value[:length])) if count else None
                if begun is not None:
                    yield begun


class _Place:
    """A place in the tree: the patterns whose values all lie on the way here, and the ways on, field by field."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.ways: dict[str, _Ways] = {}

    def is_bare(self) -> bool:
        return not self.numbers and not self.ways


class PatternIndex(Generic[Key]):
    """Patterns under keys of the caller's, found by an event at a cost that hardly grows with their number.

    A tree over exact values and prefixes (`source` first, then `detail-type`, then the others) leads to the few
    patterns worth trying. Patterns that only suffixes and the like tell apart are tried one by one.
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
            place = place.ways.setdefault(path.name, _Ways(path)).open(value)
        return place


def _reach(place: _Place, event: dict[str, Any], numbers: set[int]) -> None:
    numbers |= place.numbers
    for ways in place.ways.values():
        for value in _values(ways.path, event):
            for following in ways.taken_by(value):
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
    ways = place.ways.get(path.name)
    if ways is None or value not in ways.to:
        return
    _remove(ways.to[value], rest, number)
    if ways.to[value].is_bare():
        ways.close(value)
    if not ways.to:
        del place.ways[path.name]


def _routes(pattern: Pattern) -> Iterator[Route]:
    for branch in pattern.branches:
        yield from _unfolded(_indexed(branch))


def _indexed(branch: Branch) -> list[tuple[Path, list[Any]]]:
    chosen: list[tuple[Path, list[Any]]] = []
    for clause in sorted(branch.clauses, key=_rank):
        values = _ways_in(clause)
        if values and prod(len(each) for _, each in chosen) * len(values) <= MAX_PLACES:
            chosen.append((clause.path, values))
    return chosen


def _ways_in(clause: Clause) -> list[Any]:
    """The exact values and beginnings that a clause takes; none, if it takes anything else."""
    if clause.is_exact:
        return list(clause.exact)
    tests = [wanted for wanted in clause.wanted if isinstance(wanted, dict)]
    texts = [text for wanted in tests if isinstance(text := wanted.get("prefix"), str)]
    if clause.absent or not tests or len(texts) < len(tests):
        return []
    return [*clause.exact, *(_Beginning(text) for text in texts)]


def _rank(clause: Clause) -> tuple[int, str]:
    name = clause.path.name
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST)), name


def _unfolded(clauses: list[tuple[Path, list[Any]]]) -> Iterator[Route]:
    if not clauses:
        yield ()
        return
    path, values = clauses[0]
    for value in values:
        for rest in _unfolded(clauses[1:]):
            yield ((path, value), *rest)
