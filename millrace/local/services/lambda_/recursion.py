"""Recursive-loop detection: how often the messages of a chain have invoked each function.

The trace header of a request carries the counts, as `Lineage=<function>:<rounds>|…`. botocore sends the header with
each call of a function, and SQS keeps it with a message.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from millrace.local.workers import new_trace_id

MAX_ROUNDS = 16
"""Invocations of a function in one chain; AWS stops the next one, "approximately"."""
RECURSIVE = "Lambda has detected your function being invoked in a recursive loop and stopped its invocation."
_MAX_COUNT = 255
_LINEAGE = re.compile(r"(?:^|;)Lineage=([^;]*)")


def is_recursive(function: Any, header: str) -> bool:
    """Return whether a chain has invoked a function too often, unless the function allows it."""
    allowed = getattr(function, "recursive_loop", None) == "Allow"
    return not allowed and _rounds(header).get(_key(function), 0) >= MAX_ROUNDS


def next_header(function: Any, headers: Iterable[str]) -> str:
    """Return the trace header of an invocation that requests with these headers cause.

    An invocation has one header for all messages of its batch: the trace of the first, and the highest count of each
    function.
    """
    headers = [header for header in headers if header]
    rounds: dict[str, int] = {}
    for header in headers:
        for key, count in _rounds(header).items():
            rounds[key] = max(count, rounds.get(key, 0))
    rounds[_key(function)] = min(rounds.get(_key(function), 0) + 1, _MAX_COUNT)
    trace = _LINEAGE.sub("", headers[0]) if headers else ""
    return f"{trace or new_trace_id()};Lineage={'|'.join(f'{key}:{count}' for key, count in rounds.items())}"


def _rounds(header: str) -> dict[str, int]:
    found = _LINEAGE.search(header)
    pairs = (part.rpartition(":") for part in found[1].split("|")) if found else ()
    return {key: int(count) for key, _, count in pairs if count.isdecimal()}


def _key(function: Any) -> str:
    """Return the key of a function, which its versions share."""
    return _digest(function.function_arn)


@lru_cache(4096)
def _digest(arn: str) -> str:
    unqualified = ":".join(arn.split(":")[:7])
    return hashlib.sha256(unqualified.encode()).hexdigest()[:8]
