"""Wildcards and policy variables in the texts of a policy.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

Resolve = Callable[[str], str | None]
"""Returns the value of a policy variable; None if the request has none."""

_PIECES = re.compile(r"\$\{([^}]*)\}|([*?])")
_DEFAULT = re.compile(r"^([^,]+?)\s*,\s*'(.*)'$")
_WILD = {"*": ".*", "?": "."}
_WITHIN_PART = {"*": "[^:]*", "?": "[^:]"}
_STARS = (_WILD["*"], _WITHIN_PART["*"])
_ARN_COLONS = 5


class Pattern:
    """A text with wildcards (if `wild`) and variables (if the policy's version has them).

    In an `arn`, a wildcard does not cross the first five colons.
    """

    def __init__(
        self, text: str, *, wild: bool = True, variables: bool = True, fold: bool = False, arn: bool = False
    ) -> None:
        self._flags = re.DOTALL | (re.IGNORECASE if fold else 0)
        self._parts = _parts(text, wild=wild, variables=variables, arn=arn)
        fixed = all(isinstance(part, str) for part in self._parts)
        self._regex = re.compile(_expression(map(str, self._parts)), self._flags) if fixed else None

    @property
    def fixed(self) -> bool:
        """Whether it has no variable."""
        return self._regex is not None

    def matches(self, value: str, resolve: Resolve) -> bool:
        """Return whether a value matches. A variable without a value matches nothing."""
        if self._regex is not None:
            return self._regex.fullmatch(value) is not None
        pieces = []
        for part in self._parts:
            piece = part if isinstance(part, str) else part.piece(resolve)
            if piece is None:
                return False
            pieces.append(piece)
        return _compiled(_expression(pieces), self._flags).fullmatch(value) is not None


class _Variable:
    def __init__(self, text: str) -> None:
        named = _DEFAULT.match(text)
        self._name: str = named[1] if named else text.strip()
        self._default: str | None = named[2] if named else None

    def piece(self, resolve: Resolve) -> str | None:
        value = resolve(self._name)
        known = self._default if value is None else value
        return None if known is None else re.escape(known)


def _parts(text: str, *, wild: bool, variables: bool, arn: bool) -> list["str | _Variable"]:
    parts: list[str | _Variable] = []
    at = colons = 0
    for found in _PIECES.finditer(text):
        parts.append(re.escape(text[at : found.start()]))
        colons += text.count(":", at, found.start())
        at = found.end()
        name, star = found[1], found[2]
        if star:
            meaning = _WITHIN_PART if arn and colons < _ARN_COLONS else _WILD
            parts.append(meaning[star] if wild else re.escape(star))
        elif not variables:
            parts.append(re.escape(found[0]))
        else:
            parts.append(re.escape(name) if name in ("*", "?", "$") else _Variable(name))
    return [*parts, re.escape(text[at:])]


def _expression(pieces: Iterable[str]) -> str:
    """Join pieces. A star takes the shortest text before what follows it, and no other, as in a pattern of an event."""
    parts = [["", ""]]
    for piece in pieces:
        if piece in _STARS:
            parts.append([piece, ""])
        else:
            parts[-1][1] += piece
    (_, first), *middle = parts
    last = "".join(middle.pop()) if middle else ""
    return first + "".join(f"(?>{star}?{text})" for star, text in middle) + last


@lru_cache(maxsize=1024)
def _compiled(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(text, flags)
