"""Log lines of functions, read for a person: what a handler printed, and how its events failed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.operations.json_text import parsed
from millrace.operations.tracebacks import frames_of

_PLATFORM = re.compile(r"^(?:INIT_START|START|END|REPORT|RESTORE_START|EXTENSION)\b")
_SDK = ("boto3", "botocore", "urllib3")
_CODE = re.compile(r'File "(?P<root>[^"]*?)/functions/')


@dataclass(frozen=True)
class LogLine:
    """One line for a person. `is_error` is true for a failure."""

    text: str
    is_error: bool = False


def read_line(message: str) -> LogLine | None:
    """What a log message is about. None for a message of Lambda, for metrics, and for an event that was handled."""
    entry = parsed(message)
    if not isinstance(entry, dict):
        return None if _PLATFORM.match(message) else _of_text(message)
    if "_aws" in entry or str(entry.get("type", "")).startswith("platform."):
        return _of_platform(entry)
    flow = entry.get("flow")
    if isinstance(flow, dict):
        return _of_flow(entry, flow)
    return None if _is_of_the_sdk(entry) else _of_entry(entry, message)


def _is_of_the_sdk(entry: Mapping[str, Any]) -> bool:
    """Whether boto3 logs which credentials and endpoints it has found."""
    return entry.get("level") == "INFO" and str(entry.get("logger", "")).startswith(_SDK)


def _of_text(message: str) -> LogLine | None:
    text = message.rstrip()
    if not text.strip():
        return None
    first, _, rest = text.partition("\n")
    return LogLine(_with_locations(first, rest) if rest else first, is_error=first.startswith("[ERROR]"))


def _of_platform(entry: Mapping[str, Any]) -> LogLine | None:
    record = entry.get("record")
    status = record.get("status") if isinstance(record, dict) else None
    if entry.get("type") != "platform.report" or status in (None, "success", "error"):
        return None  # an error has a line of the function
    return LogLine(f"the invocation ended with {status}", is_error=True)


def _of_flow(entry: Mapping[str, Any], flow: Mapping[str, Any]) -> LogLine | None:
    error = flow.get("error")
    if not isinstance(error, dict):
        return None
    text = f"{flow.get('event')}: {error.get('type')}: {error.get('message')}"
    waits = entry.get("message") == "event requeued"
    return LogLine(_with_locations(f"{'waits: ' if waits else ''}{text}", str(entry.get("exception", ""))), not waits)


def _of_entry(entry: Mapping[str, Any], message: str) -> LogLine:
    level = str(entry.get("level", ""))
    text = entry.get("message", entry.get("errorMessage"))
    if text is None:
        return LogLine(message)
    kind = f"{entry['errorType']}: " if entry.get("errorType") else ""
    trace = entry.get("exception") or "\n".join(map(str, entry.get("stackTrace") or ()))
    shown = level if level not in ("", "INFO") else ""
    return LogLine(_with_locations(f"{shown} {kind}{text}".strip(), str(trace)), level in ("ERROR", "CRITICAL"))


def _with_locations(text: str, trace: str) -> str:
    """A text with the lines of the project in a traceback, innermost first."""
    code = _CODE.search(trace)
    locations = [f"{each.file}:{each.line}" for each in frames_of(trace, Path(code["root"]))] if code else []
    return f"{text}  ({', '.join(locations[::-1])})" if locations else text
