"""Reading what may be no JSON."""

import json
from typing import TypeVar

from millrace.operations.json_text import parsed

__all__ = ["as_text", "parsed"]

T = TypeVar("T")


def as_text(value: T, *, escaped: bool) -> T:
    r"""A value as it was parsed. Raises ValueError where it holds half a character, as `\ud800` alone is, `escaped`."""
    if escaped:
        json.dumps(value, ensure_ascii=False).encode()
    return value
