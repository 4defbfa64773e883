"""What each intrinsic function does.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

import base64
import hashlib
import json
import math
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.local.services.stepfunctions.interpreter.expressions.data import Ambient, compact

MOST_ITEMS = 1000
MOST_CHARACTERS = 10_000
ALGORITHMS = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}
_INT32 = 2**31
_TOKEN = re.compile(r"\\([\\{}])|(\{\})|([{}])")


@dataclass(frozen=True)
class Function:
    """An intrinsic function. `kinds` are the types of its arguments, of which it needs `least`.

    With `repeats`, any number of arguments follows, of the last type.
    """

    body: Callable[..., Any]
    kinds: tuple[str, ...]
    least: int
    repeats: bool = False
    needs_ambient: bool = False

    def __call__(self, values: Sequence[Any], ambient: Ambient) -> Any:
        """Call with evaluated arguments. Raises ValueError if they do not fit."""
        kinds = [*self.kinds, *self.kinds[-1:] * len(values)]
        if not all(_KINDS[kind](value) for kind, value in zip(kinds, values, strict=False)):
            raise ValueError
        return self.body(ambient, *values) if self.needs_ambient else self.body(*values)

    def accepts(self, count: int) -> bool:
        """Return whether a call may have this number of arguments."""
        return count >= self.least and (count <= len(self.kinds) or self.repeats)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "any": lambda _value: True,
    "array": lambda value: isinstance(value, list),
    "number": _is_number,
    "object": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
    "short": lambda value: isinstance(value, str) and len(value) <= MOST_CHARACTERS,
}


def _nearest(number: float) -> int:
    return math.floor(number + 0.5)


def _format(template: str, *values: Any) -> str:
    """Replace `{}`; braces and backslashes after a backslash are characters."""
    waiting = list(values)

    def piece(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        if match[3]:
            raise ValueError("matching '}' not found for '{'.")
        if not waiting:
            raise ValueError("number of arguments do not match the occurrences of {}.")
        return _text(waiting.pop(0))

    text = _TOKEN.sub(piece, template)
    if waiting:
        raise ValueError("number of arguments do not match the occurrences of {}.")
    return text


def _text(value: Any) -> str:
    """AWS writes objects and arrays as Java does: {a=1, b=[2, 3]}."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_text(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def _partition(array: list[Any], size: float) -> list[list[Any]]:
    chunk = _nearest(size)
    if chunk < 1:
        raise ValueError("the chunk size must be a positive integer")
    return [array[start : start + chunk] for start in range(0, len(array), chunk)]


def _range(first: float, last: float, step: float) -> list[int]:
    """AWS was recorded to cut the fractions off, not to round."""
    start, end, by = int(first), int(last), int(step)
    if by == 0:
        raise ValueError("the step must not be zero")
    items = range(start, end + (1 if by > 0 else -1), by)
    if len(items) > MOST_ITEMS:
        raise ValueError(f"a range has at most {MOST_ITEMS} items")
    return list(items)


def _item(array: list[Any], index: float) -> Any:
    if index != int(index) or not 0 <= index < len(array):
        raise ValueError(f"the index {index} is not one of an array of {len(array)} items")
    return array[int(index)]


def _unique(array: list[Any]) -> list[Any]:
    return list({_identity(item): item for item in reversed(array)}.values())[::-1]


def _identity(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _base64_decode(text: str) -> str:
    """AWS accepts missing padding and foreign characters."""
    return base64.b64decode(text.rstrip("=") + "===").decode()


def _hash(value: Any, algorithm: str) -> str:
    if algorithm not in ALGORITHMS:
        raise ValueError(f"the algorithm is one of {', '.join(ALGORITHMS)}")
    data = value if isinstance(value, str) else compact(value)
    if len(data) > MOST_CHARACTERS:
        raise ValueError(f"the data has more than {MOST_CHARACTERS} characters")
    return hashlib.new(ALGORITHMS[algorithm], data.encode()).hexdigest()


def _merge(first: dict[str, Any], second: dict[str, Any], deep: Any) -> dict[str, Any]:
    if deep is True:
        raise ValueError("only the shallow merging mode is supported")
    return {**first, **second}


def _add(first: float, second: float) -> int:
    numbers = _nearest(first), _nearest(second)
    if not all(-_INT32 <= number < _INT32 for number in (*numbers, sum(numbers))):
        raise ValueError("the numbers and their sum are integers of 32 bits")
    return sum(numbers)


def _random(ambient: Ambient, first: float, last: float, seed: float | None = None) -> int:
    start, end = int(first), int(last)
    if start >= end:
        raise ValueError("the start must be smaller than the end")
    if seed is None:
        return ambient.random.randrange(start, end)
    return start + int(seeded_random(int(seed)) * (end - start))


def seeded_random(seed: int) -> float:
    """Return the first number of `java.util.Random(seed)`, as AWS does."""
    state = (seed ^ 0x5DEECE66D) & (2**48 - 1)
    bits = []
    for size in (26, 27):
        state = (state * 0x5DEECE66D + 0xB) & (2**48 - 1)
        bits.append(state >> (48 - size))
    return float((bits[0] << 27) + bits[1]) / float(2**53)


def random_uuid(ambient: Ambient) -> str:
    """Return a UUID of version 4."""
    return str(uuid.UUID(int=ambient.random.getrandbits(128), version=4))


def _split(text: str, delimiters: str) -> list[str]:
    """Each character of the second argument is a delimiter; AWS leaves out what is empty."""
    pieces = re.split(f"[{re.escape(delimiters)}]", text) if delimiters else [text]
    return [piece for piece in pieces if piece]


def _contains(array: list[Any], item: Any) -> bool:
    return _identity(item) in map(_identity, array)


FUNCTIONS: dict[str, Function] = {
    "States.Array": Function(lambda *values: list(values), ("any",), 0, repeats=True),
    "States.ArrayContains": Function(_contains, ("array", "any"), 2),
    "States.ArrayGetItem": Function(_item, ("array", "number"), 2),
    "States.ArrayLength": Function(len, ("array",), 1),
    "States.ArrayPartition": Function(_partition, ("array", "number"), 2),
    "States.ArrayRange": Function(_range, ("number", "number", "number"), 3),
    "States.ArrayUnique": Function(_unique, ("array",), 1),
    "States.Base64Decode": Function(_base64_decode, ("short",), 1),
    "States.Base64Encode": Function(lambda text: base64.b64encode(text.encode()).decode(), ("short",), 1),
    "States.Format": Function(_format, ("string", "any"), 1, repeats=True),
    "States.Hash": Function(_hash, ("any", "string"), 2),
    "States.JsonMerge": Function(_merge, ("object", "object", "any"), 3),
    "States.JsonToString": Function(compact, ("any",), 1),
    "States.MathAdd": Function(_add, ("number", "number"), 2),
    "States.MathRandom": Function(_random, ("number", "number", "number"), 2, needs_ambient=True),
    "States.StringSplit": Function(_split, ("string", "string"), 2),
    "States.StringToJson": Function(json.loads, ("string",), 1),
    "States.UUID": Function(random_uuid, (), 0, needs_ambient=True),
}
