"""Reading what may be no JSON."""

import json
from typing import Any, TypeVar

T = TypeVar("T")


def parsed(text: Any) -> Any:
    """The value of a JSON text, or None where there is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None  # each caller says what that means for it


def as_text(value: T, *, escaped: bool) -> T:
    r"""A value as it was parsed. Raises ValueError where it holds half a character, as `\ud800` alone is, `escaped`."""
    if escaped:
        json.dumps(value, ensure_ascii=False).encode()
    return value
