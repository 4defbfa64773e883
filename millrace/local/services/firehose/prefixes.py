"""Prefixes of the objects that Firehose writes, with their expressions.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
"""

import re
import secrets
from calendar import day_abbr, day_name, month_abbr, month_name
from collections.abc import Callable, Iterator
from datetime import datetime

TIME = "!{timestamp:yyyy/MM/dd/HH/}"
"""Firehose adds this expression to a prefix without one of the namespace `timestamp`."""
_ERROR_TYPE = "!{firehose:error-output-type}"
_RANDOM_LENGTH = 11
_EXPRESSION = re.compile(r"!\{([^:}]*):?([^}]*)\}")
_FIELD = re.compile(r"'((?:[^']|'')*)'|(([A-Za-z])\3*)|[^A-Za-z']+|'")
_NUMBERS: dict[str, Callable[[datetime], int]] = {
    "y": lambda moment: moment.year,
    "u": lambda moment: moment.year,
    "M": lambda moment: moment.month,
    "L": lambda moment: moment.month,
    "d": lambda moment: moment.day,
    "D": lambda moment: moment.timetuple().tm_yday,
    "H": lambda moment: moment.hour,
    "h": lambda moment: moment.hour % 12 or 12,
    "m": lambda moment: moment.minute,
    "s": lambda moment: moment.second,
}
_TEXTS: dict[str, Callable[[datetime], str]] = {
    "MMM": lambda moment: month_abbr[moment.month],
    "MMMM": lambda moment: month_name[moment.month],
    "E": lambda moment: day_abbr[moment.weekday()],
    "EE": lambda moment: day_abbr[moment.weekday()],
    "EEE": lambda moment: day_abbr[moment.weekday()],
    "EEEE": lambda moment: day_name[moment.weekday()],
    "a": lambda moment: "AM" if moment.hour < 12 else "PM",  # noqa: PLR2004 - noon
    "S": lambda moment: f"{moment.microsecond:06}"[:1],
    "SSS": lambda moment: f"{moment.microsecond:06}"[:3],
}
"""Fields of Java's DateTimeFormatter.

https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
"""


def unsupported(prefix: str) -> Iterator[str]:
    """Yield the expressions of a prefix that the local cloud does not evaluate."""
    for expression in _EXPRESSION.finditer(prefix):
        namespace, value = expression.groups()
        if namespace not in ("timestamp", "firehose") or (namespace == "timestamp" and not _is_format(value)):
            yield expression[0]


def broken_rule(prefix: str, error_prefix: str) -> str:
    """Return the rule of AWS that two prefixes break; empty if they are valid."""
    if "!{" in prefix and not error_prefix:
        return "ErrorOutputPrefix can't be null when Prefix contains expressions"
    if _ERROR_TYPE in prefix:
        return f"Prefix can't contain {_ERROR_TYPE}"
    if "!{" in error_prefix and _ERROR_TYPE not in error_prefix:
        return f"ErrorOutputPrefix must contain at least one instance of {_ERROR_TYPE}"
    for text in (prefix, error_prefix):
        if "!{" in _EXPRESSION.sub("", text):
            return f"The sequence !{{ can only appear in !{{namespace:value}} expressions: {text}"
        for namespace, value in _EXPRESSION.findall(text):
            if namespace == "firehose" and value not in ("error-output-type", "random-string"):
                return f"!{{firehose:{value}}} is not a valid expression"
    return ""


def for_records(prefix: str) -> str:
    """Return the prefix of delivered records, with an expression for the time."""
    return prefix if "!{timestamp:" in prefix else prefix + TIME


def for_failures(prefix: str, error_prefix: str) -> str:
    """Return the prefix of records that could not be processed."""
    return error_prefix or f"{prefix}{_ERROR_TYPE}/{TIME}"


def evaluated(prefix: str, moment: datetime, error_type: str = "") -> str:
    """Return a prefix with the values of its expressions."""

    def value_of(expression: re.Match[str]) -> str:
        if expression[1] == "timestamp":
            return _formatted(expression[2], moment)
        return (
            error_type if expression[2] == "error-output-type" else secrets.token_hex(_RANDOM_LENGTH)[:_RANDOM_LENGTH]
        )

    return _EXPRESSION.sub(value_of, prefix)


def _formatted(pattern: str, moment: datetime) -> str:
    return "".join(_field(found, moment) for found in _FIELD.finditer(pattern))


def _field(found: re.Match[str], moment: datetime) -> str:
    literal, field, symbol = found.groups()
    if field is None:
        return found[0] if literal is None else literal.replace("''", "'") or "'"
    if field in _TEXTS:
        return _TEXTS[field](moment)
    number = str(_NUMBERS[symbol](moment))
    return number[-2:] if field in ("yy", "uu") else number.zfill(len(field))


def _is_format(pattern: str) -> bool:
    fields = [(found[2], found[3]) for found in _FIELD.finditer(pattern) if found[2]]
    texts = {"M": 2, "L": 2}
    return all(
        field in _TEXTS or (symbol in _NUMBERS and len(field) <= texts.get(symbol, len(field)))
        for field, symbol in fields
    )
