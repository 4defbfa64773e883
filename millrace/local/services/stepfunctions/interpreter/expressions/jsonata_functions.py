"""The functions that Step Functions adds to JSONata, or replaces, and the limits of those that can take much memory.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-step-functions
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import Ambient
from millrace.local.services.stepfunctions.interpreter.expressions.functions import (
    ALGORITHMS,
    random_uuid,
    seeded_random,
)
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_library import jsonata
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_limits import (
    MOST_BYTES,
    MemoryLimitError,
    check_size,
)

MOST_OF_RANGE = 360_145
"""AWS accepts `$range(1, 360145, 1)` and refuses one number more."""


def bindings(ambient: Ambient) -> dict[str, Any]:
    """Return the functions by name. `$eval` is none of them."""
    bodies: dict[str, Callable[..., Any]] = {
        "hash": _hash,
        "join": _join,
        "millis": lambda: int(ambient.now() * 1000),
        "now": lambda picture=None, zone=None: _now(ambient.now(), picture, zone),
        "pad": _pad,
        "parse": lambda text: None if text is None else _parse(text),
        "partition": _partition,
        "random": lambda seed=None: ambient.random.random() if seed is None else seeded_random(int(seed)),
        "range": _range,
        "replace": _replace,
        "uuid": lambda: random_uuid(ambient),
    }
    return {"eval": None} | {name: jsonata.Jsonata.JLambda(body) for name, body in bodies.items()}


def _now(moment: float, picture: str | None, zone: str | None) -> Any:
    if picture is None and zone is None:
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return jsonata.Functions.datetime_from_millis(moment * 1000, picture, zone)


def _parse(text: str) -> Any:
    value = json.loads(text)
    return jsonata.Utils.NULL_VALUE if value is None else value


def _partition(array: Any = None, size: float | None = None) -> Any:
    chunk = int(size or 0)
    if array is None or chunk <= 0 or array == []:
        return None
    items = list(array) if isinstance(array, list) else [array]
    return [items[start : start + chunk] for start in range(0, len(items), chunk)]


def _range(first: float | None = None, last: float | None = None, step: float | None = None) -> Any:
    """A range of one number is that number; one that cannot be is nothing."""
    if first is None or last is None or not step or not int(step):
        return None
    start, end, by = int(first), int(last), int(step)
    numbers = range(start, end + (1 if by > 0 else -1), by)
    if len(numbers) > MOST_OF_RANGE:
        raise MemoryLimitError
    return list(numbers) if len(numbers) > 1 else next(iter(numbers), None)


def _hash(value: Any = None, algorithm: str | None = None) -> str | None:
    if value is None or algorithm is None:
        return None
    if algorithm not in ALGORITHMS:
        raise ValueError(f"The algorithm {algorithm} is none of {', '.join(ALGORITHMS)}")
    text = value if isinstance(value, str) else jsonata.Functions.string(value, None)
    return hashlib.new(ALGORITHMS[algorithm], text.encode()).hexdigest()


def _native(name: str, *values: Any) -> Any:
    """Call JSONata's own function with its own check of the arguments."""
    function = jsonata.Jsonata.static_frame.lookup(name)
    return function.call(None, function.validate(list(values), None))


def _pad(*values: Any) -> Any:
    if len(values) > 1 and isinstance(values[1], int | float):
        check_size(int(min(abs(values[1]), MOST_BYTES + 1)))
    return _native("pad", *values)


def _join(*values: Any) -> Any:
    items, separator = values[0] if values else None, values[1] if len(values) > 1 else ""
    if isinstance(items, list) and isinstance(separator, str):
        check_size(sum(len(each) for each in items if isinstance(each, str)) + len(separator) * len(items))
    return _native("join", *values)


def _replace(*values: Any) -> Any:
    text, pattern, replacement = (*values[:3], None, None, None)[:3]
    if isinstance(text, str) and isinstance(replacement, str):
        is_text = isinstance(pattern, str)
        count = text.count(pattern) if is_text else sum(1 for _ in pattern.finditer(text)) if pattern else 0
        groups = 0 if is_text else replacement.count("$") * len(text)
        check_size(len(text) + count * len(replacement) + groups)
    return _native("replace", *values)
