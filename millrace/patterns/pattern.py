"""A compiled event pattern, which matches events and explains mismatches."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from millrace.patterns.operators import Test
from millrace.patterns.paths import Membership, Path, joined

_BOOLEANS = {True: (True,), False: (False,)}
_SCALARS = frozenset({str, int, float, bool, type(None)})
_MISSING = object()


def exact_key(value: Any) -> Any:
    """A key that equal JSON values share: 300 and 300.0 are equal, 1 and true are not."""
    return _BOOLEANS[value] if value.__class__ is bool else value


@dataclass(frozen=True)
class Mismatch:
    """A failed clause: the values that the pattern wants at `path`, and all values of the event there.

    `one_of_several`: an `$or` has alternatives to this clause.
    """

    path: str
    wanted: tuple[Any, ...]
    found: tuple[Any, ...]
    note: str = ""
    one_of_several: bool = False

    def __str__(self) -> str:
        wanted = " or ".join(json.dumps(value, ensure_ascii=False) for value in self.wanted)
        had = ", ".join(json.dumps(value, ensure_ascii=False) for value in self.found) or "nothing"
        lead = "either " if self.one_of_several else ""
        return f"{lead}{self.path}: wanted {wanted}, had {had}" + (f" ({self.note})" if self.note else "")


class Clause:
    """The condition on one field: exact values, tests, or absence."""

    def __init__(
        self, path: Path, wanted: Iterable[Any], exact: frozenset[Any], tests: tuple[Test, ...], *, absent: bool
    ) -> None:
        self.path = path
        self.wanted = tuple(wanted)
        self.exact = exact
        self.absent = absent
        self._tests = tests
        self._keys = path.keys

    @property
    def is_exact(self) -> bool:
        """Whether it has exact values only."""
        return not self._tests and not self.absent

    def accepts(self, value: Any) -> bool:
        """Whether a leaf satisfies the clause."""
        if exact_key(value) in self.exact:
            return True
        for test in self._tests:  # noqa: SIM110 - any() takes twice as long
            if test(value):
                return True
        return False

    def matches_scalar(self, event: dict[str, Any]) -> bool | None:
        """A fast test for a scalar outside arrays. None means that the full test is needed.

        Below the top level a key that contains a dot can be the same field, so a negative result is not final.
        """
        value: Any = event
        for key in self._keys:
            if value.__class__ is not dict:
                return None
            value = value.get(key, _MISSING)
        if value.__class__ not in _SCALARS:
            return None
        return self.accepts(value) or (False if len(self._keys) == 1 else None)

    def memberships(self, event: dict[str, Any]) -> tuple[list[Membership], list[Membership]]:
        """The memberships of the accepted leaves, and those of all leaves."""
        leaves = self.path.leaves(event)
        accepted = dict.fromkeys(membership for value, membership in leaves if self.accepts(value))
        return list(accepted), [membership for _, membership in leaves]

    def is_satisfied(self, event: dict[str, Any]) -> bool:
        """Whether the event satisfies the clause, without regard to the other clauses."""
        accepted, present = self.memberships(event)
        return bool(accepted) or (self.absent and not present)

    def mismatch(self, event: dict[str, Any]) -> Mismatch:
        """The explanation of a failure."""
        found = tuple(value for value, _ in self.path.leaves(event))
        an_object = not found and self.path.is_object_in(event)
        note = "the value is an object, and patterns compare only its leaves" if an_object else ""
        return Mismatch(self.path.name, self.wanted, found, note)


class Branch:
    """Clauses that an event must satisfy together, within one element of each array.

    https://github.com/aws/event-ruler#json-array-matching
    """

    def __init__(self, clauses: Iterable[Clause]) -> None:
        self.clauses = tuple(sorted(clauses, key=lambda clause: clause.path.name))

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether the event satisfies every clause."""
        open_clauses = []
        for clause in self.clauses:
            scalar = clause.matches_scalar(event)
            if scalar is False:
                return False
            if scalar is None:
                accepted, present = clause.memberships(event)
                if not accepted and not clause.absent:
                    return False
                open_clauses.append((accepted, present, clause.absent))
        return not open_clauses or _consistent(open_clauses, 0, ())

    def mismatches(self, event: dict[str, Any]) -> list[Mismatch]:
        """The failed clauses; empty if the event matches."""
        if self.matches(event):
            return []
        failed = [clause.mismatch(event) for clause in self.clauses if not clause.is_satisfied(event)]
        return failed or [self._scattered(event)]

    def _scattered(self, event: dict[str, Any]) -> Mismatch:
        scattered = [clause for clause in self.clauses if any(clause.memberships(event)[1])]
        return Mismatch(
            " + ".join(clause.path.name for clause in scattered),
            tuple(value for clause in scattered for value in clause.wanted),
            tuple(value for clause in scattered for value, _ in clause.path.leaves(event)),
            "each clause matches, but not within one element of the array",
        )


OpenClause = tuple[list[Membership], list[Membership], bool]


def _consistent(clauses: list[OpenClause], position: int, so_far: Membership) -> bool:
    if position == len(clauses):
        return True
    accepted, present, absent = clauses[position]
    for membership in accepted:
        both = joined(so_far, membership)
        if both is not None and _consistent(clauses, position + 1, both):
            return True
    if not absent or any(joined(so_far, membership) is not None for membership in present):
        return False
    return _consistent(clauses, position + 1, so_far)


class Pattern:
    """A compiled event pattern. Create it with `compile_pattern`.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
    """

    def __init__(self, source: Mapping[str, Any], branches: Iterable[Branch]) -> None:
        self.source = source
        self.branches = tuple(branches)

    def __repr__(self) -> str:
        return f"Pattern({json.dumps(self.source, ensure_ascii=False)})"

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether an event matches. Its `detail` is an object."""
        for branch in self.branches:  # noqa: SIM110 - any() takes twice as long
            if branch.matches(event):
                return True
        return False

    def explain(self, event: dict[str, Any]) -> list[Mismatch]:
        """The failed clauses of the `$or` branches with the fewest failures; empty if the event matches."""
        failed = [branch.mismatches(event) for branch in self.branches]
        fewest = min(len(mismatches) for mismatches in failed)
        closest = [mismatches for mismatches in failed if len(mismatches) == fewest]
        shared = [mismatch for mismatch in closest[0] if all(mismatch in other for other in closest)]
        apart = dict.fromkeys(m.path for mismatches in closest for m in mismatches if m not in shared)
        return shared + [_alternative(closest, path) for path in apart]


def _alternative(closest: list[list[Mismatch]], path: str) -> Mismatch:
    """The mismatches of several branches at one path, combined."""
    same = [mismatch for mismatches in closest for mismatch in mismatches if mismatch.path == path]
    wanted: list[Any] = []
    for mismatch in same:
        wanted.extend(value for value in mismatch.wanted if value not in wanted)
    return Mismatch(path, tuple(wanted), same[0].found, same[0].note, one_of_several=True)
