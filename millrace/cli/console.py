"""The terminal. Only this module prints, so that no control character from outside reaches it."""

import argparse
import json
import logging
import shutil
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, NoReturn, TextIO

from millrace.local.printable import printable, printable_lines

_INDENT = "  "


def out(*lines: str) -> None:
    r"""Print lines. A line break within one of them is shown as `\n`."""
    for line in lines:
        print(printable(line), flush=True)


def block(text: str) -> None:
    """Print a text of several lines."""
    _write(text, sys.stdout)


def data(value: Any, indent: int | None = None) -> None:
    """Print a value as JSON, in ASCII."""
    print(json.dumps(value, indent=indent), flush=True)


def say(*lines: str) -> None:
    """Report progress to a person, on standard error; programs read standard output."""
    for line in lines:
        print(printable(line), file=sys.stderr, flush=True)


def fail(text: str) -> None:
    """Print an error on standard error."""
    print(_indented(f"millrace: {text}"), file=sys.stderr, flush=True)


def prompt(question: str) -> str:
    """Read the answer to a question from the terminal. It is empty at the end of input."""
    print(printable(question), end=" ", file=sys.stderr, flush=True)
    try:
        return input().strip()
    except EOFError:
        return ""


def has_person() -> bool:
    """Whether there is a terminal for a question."""
    return sys.stdin.isatty()


def width() -> int | None:
    """The columns of the terminal. None where standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


class Parser(argparse.ArgumentParser):
    """A parser whose help and errors are printed here, too. They repeat arguments as they were given."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.color = False  # Python 3.14 colours the help with the sequences that are escaped here

    def error(self, message: str) -> NoReturn:
        """End the process with an error of one line below the usage."""
        super().error(printable(message))

    def _print_message(self, message: str, file: Any = None) -> None:
        _write(message.removesuffix("\n"), file or sys.stderr)


def guard_process() -> None:
    """Make printable what Python itself writes to standard error: tracebacks, logged errors, warnings."""
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
        """The message, and the traceback where there is one."""
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


def _write(text: str, file: TextIO) -> None:
    print(*printable_lines(text), sep="\n", file=file, flush=True)
