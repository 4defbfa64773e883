"""The wildcard operator: how `*` is read, and how much of it EventBridge takes.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching
"""

import re
from functools import lru_cache

from millrace.patterns.refusal import InvalidPatternError

MAX_WILDCARD_COMPLEXITY = 10
"""How many places of its wildcards one value may stand at, at once. AWS publishes no figure: this one refuses its
documented example `*:*:*:*:*:event-bus/*` (11) and four patterns `*:stack/name/*` (12), and takes three of them (9)."""
MAX_SETS = 1_000
STAR = None
TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
    "wildcard character"
)

Tokens = tuple[str | None, ...]


@lru_cache(maxsize=1024)
def parsed(text: str) -> Tokens:
    r"""The characters of a wildcard, `STAR` for each `*`; `\*` and `\\` stand for themselves."""
    tokens: list[str | None] = []
    rest = iter(enumerate(text))
    for at, character in rest:
        if character == "\\":
            tokens.append(_escaped(text, at))
            next(rest)
        elif character == "*" and text[at + 1 : at + 2] == "*":
            raise InvalidPatternError(f"Consecutive wildcard characters at pos {_offset(text, at)}")
        else:
            tokens.append(STAR if character == "*" else character)
    return tuple(tokens)


def _escaped(text: str, at: int) -> str:
    following = text[at + 1 : at + 2]
    if following not in {"*", "\\"}:
        raise InvalidPatternError(f"Invalid escape character at pos {_offset(text, at)}")
    return following


def _offset(text: str, at: int) -> int:
    """Bytes from the opening quote, as AWS counts."""
    return len(text[:at].encode()) + 1


def expression(text: str) -> re.Pattern[str]:
    """A regular expression that matches the whole of what the wildcard matches."""
    return re.compile("".join(".*" if token is STAR else re.escape(token) for token in parsed(text)), re.DOTALL)


def check_complexity(texts: list[str]) -> None:
    """Refuse the wildcards of one field when together they are too complex."""
    if sum(complexity(text) for text in texts) > MAX_WILDCARD_COMPLEXITY:
        raise InvalidPatternError(TOO_COMPLEX)


@lru_cache(maxsize=1024)
def complexity(text: str) -> int:
    """How many places of the wildcard the worst value can stand at, at once; capped once it is too many."""
    machine = _Machine(parsed(text))
    seen, waiting, most = {machine.start}, [machine.start], 0
    while waiting and most <= MAX_WILDCARD_COMPLEXITY and len(seen) < MAX_SETS:
        for places in machine.following(waiting.pop()) - seen:
            seen.add(places)
            waiting.append(places)
            most = max(most, len(places))
    return most


Place = tuple[int, bool]
Places = frozenset[Place]


class _Machine:
    """The wildcard as an automaton: a place is (characters passed, whether inside the star that follows them)."""

    def __init__(self, tokens: Tokens) -> None:
        self._characters = [token for token in tokens if token is not STAR]
        self._stars: set[int] = set()
        passed = 0
        for token in tokens:
            if token is STAR:
                self._stars.add(passed)
            else:
                passed += 1
        self._alphabet: set[str | None] = {*self._characters, None}
        self.start: Places = self._arrived(0)

    def following(self, places: Places) -> set[Places]:
        """The sets of places that one more character can lead to."""
        return {self._step(places, character) for character in self._alphabet}

    def _step(self, places: Places, character: str | None) -> Places:
        after: set[Place] = set()
        for passed, _ in places:
            if passed in self._stars:
                after.add((passed, True))
            if passed < len(self._characters) and self._characters[passed] == character:
                after |= self._arrived(passed + 1)
        return frozenset(after)

    def _arrived(self, passed: int) -> Places:
        return frozenset({(passed, False), (passed, True)} if passed in self._stars else {(passed, False)})
