"""Parse JSON that may be invalid."""

import json
from typing import Any, TypeVar

from millrace.operations.json_text import parsed

__all__ = ["parsed", "reject_lone_surrogates", "strict"]

T = TypeVar("T")


def reject_lone_surrogates(value: T, *, escaped: bool) -> T:
    r"""Return a parsed value. If its JSON has `escaped` surrogates, raises ValueError for a lone one, like `\ud800`."""
    if escaped:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def strict(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError, also for NaN, a lone surrogate and nesting too deep."""
    try:
        return reject_lone_surrogates(json.loads(text, parse_constant=_reject), escaped="\\ud" in text.lower())
    except RecursionError as error:
        raise ValueError("The JSON is nested too deeply.") from error


def _reject(constant: str) -> None:
    raise ValueError(f"Unrecognized token '{constant}': JSON has no such number.")
