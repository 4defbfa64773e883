"""The wildcard operator: its syntax, and the complexity that EventBridge accepts.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching
"""

import re
from functools import lru_cache

from millrace.patterns.errors import InvalidPatternError

MAX_WILDCARD_COMPLEXITY = 10
"""The maximum number of states that an automaton for the wildcards of a field can be in at once. AWS publishes no
number. This one rejects AWS's example `*:*:*:*:*:event-bus/*` (11) and four patterns `*:stack/name/*` (12), but accepts
three of them (9)."""
MAX_SETS = 1_000
"""The maximum number of state sets to visit."""
STAR = None
TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
    "wildcard character"
)

Tokens = tuple[str | None, ...]


@lru_cache(maxsize=1024)
def parsed(text: str) -> Tokens:
    r"""The characters of a wildcard, with `STAR` for each `*`. `\*` and `\\` are escapes."""
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
    """The position in bytes after the opening quote, as in AWS's messages."""
    return len(text[:at].encode()) + 1


def expression(text: str) -> re.Pattern[str]:
    """A regular expression for `fullmatch`.

    A star takes the shortest text before what follows it, and no other: otherwise the time of a long value that does
    not match grows with a power of its length.
    """
    literals = [""]
    for token in parsed(text):
        if token is STAR:
            literals.append("")
        else:
            literals[-1] += re.escape(token)
    first, *middle = literals
    last = f".*{middle.pop()}" if middle else ""
    return re.compile(first + "".join(f"(?>.*?{literal})" for literal in middle) + last, re.DOTALL)


def check_complexity(texts: list[str]) -> None:
    """Raise InvalidPatternError if the wildcards of one field are too complex together."""
    if sum(complexity(text) for text in texts) > MAX_WILDCARD_COMPLEXITY:
        raise InvalidPatternError(TOO_COMPLEX)


@lru_cache(maxsize=1024)
def complexity(text: str) -> int:
    """The maximum number of states of the wildcard's automaton at once. Counting stops above the limit."""
    automaton = _Automaton(parsed(text))
    seen, waiting, most = {automaton.start}, [automaton.start], 0
    while waiting and most <= MAX_WILDCARD_COMPLEXITY and len(seen) < MAX_SETS:
        for states in automaton.following(waiting.pop()) - seen:
            seen.add(states)
            waiting.append(states)
            most = max(most, len(states))
    return most


State = tuple[int, bool]
"""(characters passed, whether inside the star that follows them)."""
States = frozenset[State]


class _Automaton:
    """The nondeterministic automaton of a wildcard."""

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
        self.start: States = self._arrived(0)

    def following(self, states: States) -> set[States]:
        """The possible sets of states after one more character."""
        return {self._step(states, character) for character in self._alphabet}

    def _step(self, states: States, character: str | None) -> States:
        after: set[State] = set()
        for passed, _ in states:
            if passed in self._stars:
                after.add((passed, True))
            if passed < len(self._characters) and self._characters[passed] == character:
                after |= self._arrived(passed + 1)
        return frozenset(after)

    def _arrived(self, passed: int) -> States:
        return frozenset({(passed, False), (passed, True)} if passed in self._stars else {(passed, False)})
