"""Parse JSON that may be invalid."""

import json
from typing import Any, TypeVar

T = TypeVar("T")


def parsed(text: Any) -> Any:
    """Return the value of a JSON text; None if it is not JSON."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def reject_lone_surrogates(value: T, *, escaped: bool) -> T:
    r"""Return a parsed value. If its JSON has `escaped` surrogates, raises ValueError for a lone one, like `\ud800`."""
    if escaped:
        json.dumps(value, ensure_ascii=False).encode()
    return value
