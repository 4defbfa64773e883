"""How much a JSONata expression may take. It runs on the scheduler's thread, so it must end.

AWS's limits of depth and memory were recorded; its limit of time was not. See decision 0075.
"""

from typing import Any

import regex

from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_library import jsonata

MOST_BYTES = 6_990_256
"""What one value may hold: AWS accepts `[1..873782]`, refuses one number more, and counts a number as eight bytes."""

MOST_DEPTH = 100
"""AWS accepts a sum of 100 numbers, and refuses one number more."""

MOST_STEPS = 300_000
"""About a second. A limit of steps, not of time, fails an expression in the same way on each machine."""

BYTES_OF_NUMBER = 8
_SECONDS_OF_PATTERN = 0.2
_BUILDERS = frozenset({"[", "{", "each", "map", "zip"})
"""What can build a value that holds another one many times."""


class LimitError(Exception):
    """An expression that takes too much memory or time."""


class MemoryLimitError(LimitError):
    """An expression that takes too much memory."""

    def __init__(self) -> None:
        super().__init__("Expression evaluation memory limit exceeded: Check for excessive memory usage")


def check_size(size: int) -> None:
    """Raises MemoryLimitError for a value of more bytes than AWS allows."""
    if size > MOST_BYTES:
        raise MemoryLimitError


class Limits:
    """Counts the steps of one evaluation, its depth, and the size of what it builds."""

    def __init__(self) -> None:
        self._depth = 0
        self._steps = 0

    def enter(self, _expression: Any, _input: Any, _environment: Any) -> None:
        """Count a step that begins."""
        self._depth += 1
        self._spend(1)
        if self._depth > MOST_DEPTH:
            advice = "Check for non-terminating recursive function. Consider rewriting as tail-recursive."
            raise LimitError(f"Stack overflow error: {advice} Depth={self._depth} max={MOST_DEPTH}")

    def leave(self, expression: Any, _input: Any, _environment: Any, result: Any) -> None:
        """Count what a step built: copying it takes time too."""
        self._depth -= 1
        if isinstance(result, str):
            check_size(len(result))
            self._spend(len(result) >> 10)
        elif isinstance(result, list | dict) and not isinstance(result, jsonata.Utils.RangeList):
            check_size(len(result) * BYTES_OF_NUMBER)
            self._spend(len(result) >> 4)
            if _builds(expression):
                self._spend(_count(result) >> 4)

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise LimitError("Expression evaluation timeout: Check for infinite loop")


def _builds(expression: Any) -> bool:
    if expression.type == "function":
        return getattr(expression.procedure, "value", None) in _BUILDERS
    return expression.type == "unary" and expression.value in _BUILDERS


def _count(value: Any) -> int:
    """Return how many values are inside, each as often as it would be written."""
    waiting, count = [value], -1
    while waiting:
        node = waiting.pop()
        count += 1
        waiting.extend(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        check_size(count * BYTES_OF_NUMBER)
    return count


class Pattern:
    """A regular expression with a timeout. Python's own cannot be interrupted, and some take years."""

    def __init__(self, pattern: str, flags: Any) -> None:
        options = (regex.IGNORECASE if flags.case_insensitive else 0) | (regex.MULTILINE if flags.multiline else 0)
        self._compiled = regex.compile(pattern, options)

    def search(self, text: str) -> Any:
        """As `re.Pattern.search`."""
        return self._compiled.search(text, timeout=_SECONDS_OF_PATTERN)

    def finditer(self, text: str) -> Any:
        """As `re.Pattern.finditer`."""
        return self._compiled.finditer(text, timeout=_SECONDS_OF_PATTERN)

    def sub(self, replacement: Any, text: str, count: int = 0) -> str:
        """As `re.Pattern.sub`."""
        return str(self._compiled.sub(replacement, text, count=count, timeout=_SECONDS_OF_PATTERN))

    def split(self, text: str, maxsplit: int = 0) -> list[str]:
        """As `re.Pattern.split`."""
        return list(self._compiled.split(text, maxsplit=maxsplit, timeout=_SECONDS_OF_PATTERN))
