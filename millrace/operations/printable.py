"""Escape untrusted text for a terminal.

Terminals execute control sequences in their output: https://unicode.org/reports/tr36/ and CWE-150.
"""

import re
from unicodedata import category

_TAB = 4
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\U000e0100-\U000e01ef]")
"""Invisible characters. U+FE0E and U+FE0F stay: they select text or emoji style."""


def printable(text: str) -> str:
    r"""Return one line with escapes such as `\x1b` or `\u202e` for characters that are not printable.

    These are control characters (C0 with line breaks and tabs, DEL, C1), format characters (bidirectional overrides
    and isolates, zero-width ones), line and paragraph separators, surrogates, private and unassigned code points.
    """
    if text.isprintable() and not _INVISIBLE.search(text):
        return text
    return "".join(each if _is_printable(each) else each.encode("unicode_escape").decode() for each in text)


def printable_lines(text: str) -> list[str]:
    """Return the printable lines of a text. Tabs become spaces."""
    return [printable(line) for line in text.replace("\r\n", "\n").expandtabs(_TAB).split("\n")]


def _is_printable(character: str) -> bool:
    return (character.isprintable() or category(character) == "Zs") and not _INVISIBLE.match(character)
