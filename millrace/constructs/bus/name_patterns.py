"""Event patterns made of the names of events: those that match all but these."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

PATTERN_CHARACTERS = 2_048
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
Pattern = Mapping[str, Any]
Names = Mapping[str, Iterable[str]]
"""Detail-types by their sources."""


def all_but(names: Names, passing: Sequence[str] | None = ()) -> list[Pattern]:
    """Patterns of which each event that has none of these names matches one: by its source, or by its detail-type.

    Of sources that are `passing` they match nothing; None: of no source that is not among the names.
    """
    return list(_packed(list(_others(names, passing))))


def _others(names: Names, passing: Sequence[str] | None) -> Iterator[Pattern]:
    if passing is not None:
        named = sorted({*names, *passing})
        yield {"source": [{"anything-but": named} if named else {"prefix": ""}]}
    for source in sorted(names):
        yield {"source": [source], "detail-type": [{"anything-but": sorted(names[source])}]}


def _packed(alternatives: Sequence[Pattern]) -> Iterator[Pattern]:
    """As few patterns as hold them all, none longer than AWS takes, unless one alternative is by itself."""
    together: list[Pattern] = []
    for one in alternatives:
        if together and len(json.dumps(_either([*together, one]), separators=(",", ":"))) > PATTERN_CHARACTERS:
            yield _either(together)
            together = []
        together.append(one)
    if together:
        yield _either(together)


def _either(alternatives: Sequence[Pattern]) -> Pattern:
    return alternatives[0] if len(alternatives) == 1 else {"$or": list(alternatives)}
