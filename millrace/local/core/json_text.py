"""Parse JSON that may be invalid."""

import json
import re
from itertools import accumulate
from typing import Any, TypeVar

from millrace.operations.json_text import parsed

__all__ = ["parsed", "reject_lone_surrogates", "strict"]

T = TypeVar("T")
MAX_NESTING = 500
"""Python's encoder of JSON fails at about 900. AWS allows 1,000."""
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def reject_lone_surrogates(value: T, *, escaped: bool) -> T:
    r"""Return a parsed value. If its JSON has `escaped` surrogates, raises ValueError for a lone one, like `\ud800`."""
    if escaped:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def strict(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError, also for NaN, a lone surrogate and nesting too deep."""
    if _is_nested_too_deeply(text):
        raise ValueError(f"The JSON is nested more than {MAX_NESTING} times.")
    return reject_lone_surrogates(json.loads(text, parse_constant=_reject), escaped="\\ud" in text.lower())


def _is_nested_too_deeply(text: str) -> bool:
    """Count without the parser: a library may have raised the limit of recursion, at which it stops."""
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return False
    depths = accumulate((character in "[{") - (character in "]}") for character in _TEXT.sub("", text))
    return any(depth > MAX_NESTING for depth in depths)


def _reject(constant: str) -> None:
    raise ValueError(f"Unrecognized token '{constant}': JSON has no such number.")


_VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_EXPECTED = {
    "Expecting property name": "was expecting double-quote to start field name",
    "Expecting value": f"expected a valid value {_VALUES}",
    "Expecting ',' delimiter": "was expecting comma to separate Object entries",
    "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
}


def jackson_error(text: str, error: json.JSONDecodeError) -> str:
    """Return the message of Jackson, the parser of AWS's services, for a text that is not JSON."""
    character = text[error.pos : error.pos + 1]
    expected = next((found for start, found in _EXPECTED.items() if error.msg.startswith(start)), "")
    if token := _token(text, error):
        return f"Unrecognized token '{token}': was expecting {_VALUES}"
    if not character or not expected:
        return str(error)
    return f"Unexpected character ('{character}' (code {ord(character)})): {expected}"


def jackson_source(text: str, error: json.JSONDecodeError) -> str:
    """Return where Jackson finds an error: its column is behind the token or the character."""
    column = error.colno + (len(_token(text, error)) or 1)
    return f'[Source: (String)"{text}"; line: {error.lineno}, column: {column}]'


def is_true(value: Any) -> bool:
    """Return whether a flag of a template, of a request or of moto's is set: True, or the text "true"."""
    return str(value).lower() == "true"


def _token(text: str, error: json.JSONDecodeError) -> str:
    """Return the word in the place of a value; empty if there is none."""
    word = re.compile(r"\w+").match(text, error.pos)
    return word[0] if word and error.msg.startswith("Expecting value") else ""
