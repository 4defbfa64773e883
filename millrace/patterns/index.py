"""An index of patterns that tests only the patterns that can match an event."""

from collections import Counter
from collections.abc import Hashable, Iterator
from math import prod
from typing import Any, Generic, NamedTuple, TypeVar

from millrace.patterns.paths import Path
from millrace.patterns.pattern import Branch, Clause, Pattern, exact_key

MAX_ROUTES = 64
"""The maximum number of routes of one branch: the product of the numbers of its values."""
_FIRST = ("source", "detail-type")

Key = TypeVar("Key", bound=Hashable)
Route = tuple[tuple[Path, Any], ...]
"""The exact values and prefixes from the root to a node: ((path, value), …)."""


class _Prefix(NamedTuple):
    """The operand of `prefix`, distinct from an equal exact value."""

    text: str
    operator: str = "prefix"


class _Children:
    """The children of a node for one field, by exact value or prefix."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes: dict[Any, _Node] = {}
        self._lengths: Counter[int] = Counter()

    def add(self, value: Any) -> "_Node":
        if value not in self.nodes:
            self.nodes[value] = _Node()
            if isinstance(value, _Prefix):
                self._lengths[len(value.text)] += 1
        return self.nodes[value]

    def remove(self, value: Any) -> None:
        del self.nodes[value]
        if isinstance(value, _Prefix):
            self._lengths[len(value.text)] -= 1

    def matching(self, value: Any) -> "Iterator[_Node]":
        """The children for the value of an event."""
        exact = self.nodes.get(exact_key(value))
        if exact is not None:
            yield exact
        if value.__class__ is str:
            for length, count in self._lengths.items():
                begun = self.nodes.get(_Prefix(value[:length])) if count else None
                if begun is not None:
                    yield begun


class _Node:
    """A node of the tree: the patterns whose route ends here, and the children by field."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.children: dict[str, _Children] = {}

    def is_empty(self) -> bool:
        return not self.numbers and not self.children


class PatternIndex(Generic[Key]):
    """Patterns by key. The time to find the matching ones hardly depends on their number.

    A tree of exact values and prefixes (`source`, then `detail-type`, then other fields) selects the patterns to test.
    Patterns that differ only in other operators, such as suffixes, are tested one by one.
    """

    def __init__(self) -> None:
        self._root = _Node()
        self._numbers: dict[Key, int] = {}
        self._entries: dict[int, tuple[Key, Pattern]] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._numbers

    def add(self, key: Key, pattern: Pattern) -> None:
        """Add a pattern. An existing key keeps its position and gets the new pattern."""
        number = self._numbers.get(key, self._next)
        self.discard(key)
        self._next = max(self._next, number + 1)
        self._numbers[key] = number
        self._entries[number] = (key, pattern)
        for route in _routes(pattern):
            self._node(route).numbers.add(number)

    def discard(self, key: Key) -> None:
        """Remove a key, if it exists."""
        number = self._numbers.pop(key, None)
        if number is None:
            return
        _, pattern = self._entries.pop(number)
        for route in _routes(pattern):
            _remove(self._root, route, number)

    def matching(self, event: dict[str, Any]) -> list[Key]:
        """The keys of the patterns that match the event, in the order of their addition."""
        candidates: set[int] = set()
        _collect(self._root, event, candidates)
        selected = (self._entries[number] for number in sorted(candidates))
        return [key for key, pattern in selected if pattern.matches(event)]

    def _node(self, route: Route) -> _Node:
        node = self._root
        for path, value in route:
            node = node.children.setdefault(path.name, _Children(path)).add(value)
        return node


def _collect(node: _Node, event: dict[str, Any], numbers: set[int]) -> None:
    numbers |= node.numbers
    for children in node.children.values():
        for value in _values(children.path, event):
            for child in children.matching(value):
                _collect(child, event, numbers)


def _values(path: Path, event: dict[str, Any]) -> list[Any]:
    if len(path.keys) == 1:
        value = event.get(path.name)
        if value.__class__ is str:
            return [value]
    return [value for value, _ in path.leaves(event)]


def _remove(node: _Node, route: Route, number: int) -> None:
    if not route:
        node.numbers.discard(number)
        return
    (path, value), rest = route[0], route[1:]
    children = node.children.get(path.name)
    if children is None or value not in children.nodes:
        return
    _remove(children.nodes[value], rest, number)
    if children.nodes[value].is_empty():
        children.remove(value)
    if not children.nodes:
        del node.children[path.name]


def _routes(pattern: Pattern) -> Iterator[Route]:
    for branch in pattern.branches:
        yield from _unfolded(_indexed(branch))


def _indexed(branch: Branch) -> list[tuple[Path, list[Any]]]:
    chosen: list[tuple[Path, list[Any]]] = []
    for clause in sorted(branch.clauses, key=_rank):
        values = _values_of(clause)
        if values and prod(len(each) for _, each in chosen) * len(values) <= MAX_ROUTES:
            chosen.append((clause.path, values))
    return chosen


def _values_of(clause: Clause) -> list[Any]:
    """The exact values and prefixes of a clause; empty if it has other tests."""
    if clause.is_exact:
        return list(clause.exact)
    tests = [wanted for wanted in clause.wanted if isinstance(wanted, dict)]
    texts = [text for wanted in tests if isinstance(text := wanted.get("prefix"), str)]
    if clause.absent or not tests or len(texts) < len(tests):
        return []
    return [*clause.exact, *(_Prefix(text) for text in texts)]


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
