"""Parse JSON that may be invalid."""

import json
from typing import TypeVar

from millrace.operations.json_text import parsed

__all__ = ["parsed", "reject_lone_surrogates"]

T = TypeVar("T")


def reject_lone_surrogates(value: T, *, escaped: bool) -> T:
    r"""Return a parsed value. If its JSON has `escaped` surrogates, raises ValueError for a lone one, like `\ud800`."""
    if escaped:
        json.dumps(value, ensure_ascii=False).encode()
    return value
