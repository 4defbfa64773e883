"""jsonata-python. Its import sets the recursion limit of the process to 10,000; evaluations alone need that."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LIMIT = sys.getrecursionlimit()

import jsonata  # noqa: E402 - changes the limit
from jsonata.jexception import JException  # noqa: E402 - the same

_LIMIT_OF_LIBRARY = sys.getrecursionlimit()
sys.setrecursionlimit(_LIMIT)

__all__ = ["JException", "deep_recursion", "jsonata"]


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Use the library's recursion limit."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, _LIMIT_OF_LIBRARY))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
