"""The terminal of the local cloud's process, for `breakpoint()` in a function."""

import os
from pathlib import Path

_TERMINAL = Path("/dev/tty")
_OF_XDIST = "PYTEST_XDIST_WORKER"


def has_terminal() -> bool:
    """Whether this process has a terminal that it shares with no other test process."""
    if _OF_XDIST in os.environ:
        return False
    try:
        with _TERMINAL.open():
            return True
    except OSError:
        return False


def read_line(prompt: str) -> str:
    """Write a prompt to the terminal, and read a line. Pytest's capture of standard output does not matter."""
    with _TERMINAL.open("w", encoding="utf-8") as output, _TERMINAL.open(encoding="utf-8") as lines:
        output.write(prompt)
        output.flush()
        return lines.readline()
