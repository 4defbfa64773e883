"""Insert constructs into the stack of a project, above a marker."""

import re
from dataclasses import dataclass
from pathlib import Path

STACK = Path("infra/stack.py")
MARKER = re.compile(r"^(?P<indent> *)# millrace new\b.*\n", re.MULTILINE)
_CONSTRUCTS = "millrace.constructs"
_IMPORT = re.compile(rf"^from {re.escape(_CONSTRUCTS)} import (\((?P<many>[^)]*)\)|(?P<one>[^\n(]+))\n", re.MULTILINE)
_LINE = 120


@dataclass(frozen=True)
class Wiring:
    """A call that creates constructs, the names that it needs of millrace.constructs, and other imports."""

    names: tuple[str, ...]
    call: str
    imports: tuple[str, ...] = ()


def insert(root: Path, wiring: Wiring) -> str:
    """Insert constructs into the stack. Returns an empty text or, if it has no marker, what to add where."""
    file = root / STACK
    text = file.read_text() if file.is_file() else ""
    marker, known = MARKER.search(text), _IMPORT.search(text)
    if marker is None or known is None:
        return _by_hand(wiring)
    added = f"{marker['indent']}{wiring.call}\n"
    text = text[: marker.start()] + added + text[marker.start() :]
    names = sorted({*re.findall(r"\w+", known["many"] or known["one"]), *wiring.names}, key=_isort)
    others = "".join(f"{line}\n" for line in wiring.imports if line not in text)
    file.write_text(text.replace(known[0], others + _import(names), 1))
    return ""


def _import(names: list[str]) -> str:
    line = f"from {_CONSTRUCTS} import {', '.join(names)}\n"
    if len(line) <= _LINE:
        return line
    return f"from {_CONSTRUCTS} import (\n" + "".join(f"    {name},\n" for name in names) + ")\n"


def _isort(name: str) -> tuple[bool, str]:
    """Classes before functions, each in alphabetical order."""
    return (name[0].islower(), name)


def _by_hand(wiring: Wiring) -> str:
    lines = [*wiring.imports, f"from {_CONSTRUCTS} import {', '.join(wiring.names)}", "", wiring.call]
    return f"Add to {STACK}, where the bus is `bus`:\n\n" + "\n".join(f"    {line}".rstrip() for line in lines)
