"""Filter criteria of event source mappings.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any

from millrace.patterns import Pattern, compile_pattern

MAX_PATTERN_LENGTH = 4096
Record = dict[str, Any]
Matches = Callable[[Record], bool]
_NOT_JSON = object()


def compile_filters(criteria: Mapping[str, Any] | None) -> list[Matches]:
    """The filters of a mapping, of which one must match. Raises InvalidPatternError."""
    return [_filter(each["Pattern"]) for each in (criteria or {}).get("Filters") or [] if each.get("Pattern")]


class Filters:
    """The filters of one mapping, compiled again only when they change."""

    def __init__(self, mapping: Any) -> None:
        self._mapping = mapping
        self._criteria: Any = None
        self._matches: list[Matches] = []

    def match(self, record: Record) -> bool:
        """Return whether a record passes the filters."""
        if self._mapping.filter_criteria is not self._criteria:
            self._criteria = self._mapping.filter_criteria
            self._matches = compile_filters(self._criteria)
        flat = {**record, **record.get("kinesis", {})}  # a pattern names `partitionKey`, without `kinesis`
        return not self._matches or any(matches(flat) for matches in self._matches)


def _filter(text: str) -> Matches:
    if text.strip() == "{}":
        return lambda _record: True
    pattern = compile_pattern(text, max_length=MAX_PATTERN_LENGTH)
    source: Any = pattern.source
    for key, read in (("body", _body), ("data", _data)):
        if key in source:
            return _on_content(pattern, key, source[key], read)
    return pattern.matches


def _on_content(pattern: Pattern, key: str, rule: Any, read: Callable[[Record], str | None]) -> Matches:
    """Match a record's content: JSON if the rule is an object, plain text if it is a list.

    Lambda drops records with the other kind of content.
    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html
    """

    def matches(record: Record) -> bool:
        text = read(record)
        content = _parsed(text)
        if text is None or isinstance(rule, Mapping) == (content is _NOT_JSON):
            return False
        return pattern.matches({**record, key: text if content is _NOT_JSON else content})

    return matches


def _body(record: Record) -> str | None:
    text = record.get("body")
    return text if isinstance(text, str) else None


def _data(record: Record) -> str | None:
    try:
        return base64.b64decode(record["kinesis"]["data"]).decode()
    except (KeyError, UnicodeDecodeError, binascii.Error):
        return None  # not text: Lambda drops it


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):
        return _NOT_JSON
