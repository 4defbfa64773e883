"""The terminal. Only this module prints, so that no control character from outside reaches it.

On a terminal it colours marks and ids, unless NO_COLOR is set (https://no-color.org).
"""

import json
import logging
import os
import shutil
import sys
import threading
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TextIO

from millrace.operations.printable import printable, printable_lines

_INDENT = "  "
_MIN_LAST = 30
_STYLES = (
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "dim"),
    ("✓", "green"),
    ("●", "cyan"),
    (r"(✗|✉ dead letter|^ *breaks\b|^millrace:)", "bold red"),
    (r"(! attempt \d+|^ *note\b)", "yellow"),
    ("^»", "bold cyan"),
)
"""Patterns of text and their styles on a terminal."""


def out(*lines: str) -> None:
    r"""Print lines. A line break within one of them is shown as `\n`."""
    for line in lines:
        _write(printable(line), sys.stdout)


def block(text: str) -> None:
    """Print a text of several lines."""
    for line in printable_lines(text):
        _write(line, sys.stdout)


def data(value: Any, indent: int | None = None) -> None:
    """Print a value as JSON, in ASCII."""
    print(json.dumps(value, indent=indent), flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with a bold head."""
    first, *others = columns(head, rows, width())
    _write(first, sys.stdout, "bold")
    for line in others:
        _write(line, sys.stdout)


def say(*lines: str, wrap: bool = False) -> None:
    """Report progress to a person on standard error. Programs read standard output.

    `wrap` breaks long lines between words on a terminal.
    """
    for line in lines:
        _write(printable(line), sys.stderr, wrap=wrap)


def warn(text: str) -> None:
    """Print a text of several lines on standard error."""
    for line in printable_lines(text.rstrip()):
        _write(line, sys.stderr)


def fail(text: str) -> None:
    """Print an error on standard error."""
    for line in _indented(f"millrace: {text}").split("\n"):
        _write(line, sys.stderr, wrap=True)


def prompt(question: str) -> str:
    """Read the answer to a question from the terminal. It is empty at the end of input."""
    print(printable(question), end=" ", file=sys.stderr, flush=True)
    try:
        return input().strip()
    except EOFError:
        return ""


def has_person() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin.isatty()


def width() -> int | None:
    """The columns of the terminal. None if standard output is not a terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def is_styled(file: TextIO | None = None) -> bool:
    """Whether a file, by default standard output, is a terminal that shows styles."""
    return (file or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The lines of a table, each cell printable. The last column is cut at `width`.

    If it has less room than 30 characters, it goes below the others.
    """
    lines = [[*map(printable, row[:-1]), printable(" ".join(row[-1].split()))] for row in (head, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
    room = width - sum(widths) - 2 * len(widths) if width else None
    if room is None or room >= _MIN_LAST:
        return [_row(line[:-1], widths, _cut(line[-1], room)) for line in lines]
    top, *others = lines
    below = [(_row(line[:-1], widths), f"{_INDENT}{_cut(line[-1], (width or 0) - len(_INDENT))}") for line in others]
    return [_row(top[:-1], widths), *(line for pair in below for line in pair)]


def _row(cells: Sequence[str], widths: Sequence[int], last: str = "") -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([*padded, last]).rstrip()


def _cut(text: str, room: int | None) -> str:
    return text if room is None or len(text) <= room else text[: room - 1] + "…"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 change, 2 changes."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def guard_process() -> None:
    """Make what Python itself writes to standard error printable: tracebacks, logged errors, warnings."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(PrintableFormatter())
    logging.basicConfig(handlers=[handler])
    logging.captureWarnings(capture=True)
    sys.excepthook = show_exception
    threading.excepthook = _show_thread_exception


class PrintableFormatter(logging.Formatter):
    """Log records for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The message and, after an exception, the traceback."""
        return _indented(super().format(record))


def show_exception(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, where: str = ""
) -> None:
    """Print a traceback."""
    print(_indented(where + "".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, flush=True)


def _show_thread_exception(failed: threading.ExceptHookArgs) -> None:
    name = failed.thread.name if failed.thread else "a thread"
    if failed.exc_type is not SystemExit:
        show_exception(failed.exc_type, failed.exc_value, failed.exc_traceback, f"Exception in {name}:\n")


def _indented(text: str) -> str:
    """A text of several lines, printable. Lines after the first are indented, so that none looks like another text."""
    first, *more = printable_lines(text.removesuffix("\n"))
    return "\n".join([first, *(f"{_INDENT}{line}".rstrip() for line in more)])


def _write(line: str, file: TextIO, style: str = "", *, wrap: bool = False) -> None:
    """Write a printable line; `wrap` breaks it between words on a terminal. Rich gets plain text, never markup."""
    if not is_styled(file):
        print(line, file=file, flush=True)
        return
    from rich.console import Console
    from rich.text import Text

    text = Text(line, style)
    for pattern, marked in _STYLES:
        text.highlight_regex(pattern, marked)
    Console(file=file, highlight=False).print(text, soft_wrap=not wrap)
