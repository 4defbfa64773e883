"""Standard output as log events, and the root logger, as AWS's runtime client sets them up.

After `awslambdaric` (bootstrap.py, lambda_runtime_log_utils.py) and
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html. One event is one line; a line break within it is
written as a carriage return, and becomes a line break again where the pool reads it.
"""

import contextlib
import functools
import io
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

_NO_BREAK = "\u00a0"
_STAMP = "%Y-%m-%dT%H:%M:%S"
_KNOWN = frozenset(
    {*logging.makeLogRecord({}).__dict__, "aws_request_id", "tenant_id", "asctime", "message", "taskName"}
)
_request_id = ""
_as_json = False
_write: Callable[[bytes], object] = functools.partial(os.write, 1)


def capture(log: int) -> None:
    """Redirect standard output and error of this process, also those of C code, to a file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(nothing)
    os.close(log)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open
    sys.stdout = _unbuffered(1, "strict")
    sys.stderr = _unbuffered(2, "backslashreplace")


def _unbuffered(descriptor: int, errors: str) -> io.TextIOWrapper:
    """Text that is in the file before the next statement runs: a killed worker loses no line."""
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(raw, encoding="utf-8", errors=errors, write_through=True)  # type: ignore[arg-type,type-var,unused-ignore]


def set_up(environment: Mapping[str, str]) -> None:
    """Give the root logger AWS's handler, in the function's log format and level."""
    set_format(environment)
    logging.Formatter.converter = time.gmtime
    handler = _Handler()
    text = logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", _STAMP)
    handler.setFormatter(_JsonFormatter(datefmt=f"{_STAMP}Z") if _as_json else text)
    level = environment.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    if isinstance(logging.getLevelName(level), int):
        logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(handler)


def set_format(environment: Mapping[str, str]) -> None:
    """Write errors in the function's log format."""
    global _as_json  # noqa: PLW0603 - one function at a time
    _as_json = environment.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def redirect(write: Callable[[bytes], object]) -> None:
    """Send log events to a function instead of standard output."""
    global _write  # noqa: PLW0603 - one destination a process
    _write = write


def of_request(request_id: str) -> None:
    """Stamp what is logged from now on with a request's id."""
    global _request_id  # noqa: PLW0603 - one request at a time
    _request_id = request_id


def write_event(text: str) -> None:
    """Write one log event."""
    with contextlib.suppress(OSError):  # the function closed its own standard output
        _write(text.rstrip("\n").replace("\n", "\r").encode("utf-8", "backslashreplace") + b"\n")


def write_error(error: Mapping[str, Any]) -> None:
    """Write an error that the handler did not catch."""
    if _as_json:
        stamp = time.strftime(f"{_STAMP}Z", time.gmtime())
        write_event(json.dumps({"timestamp": stamp, "level": "ERROR", **error}, ensure_ascii=False))
        return
    lines = [f"[ERROR] {error['errorType']}" + (f": {error['errorMessage']}" if error["errorMessage"] else "")]
    lines.append("Traceback (most recent call last):")
    for element in error["stackTrace"]:
        lines += [_indented(line) for line in element.splitlines()] or [""]
    write_event("\n".join(lines))


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return _NO_BREAK * (len(line) - len(text)) + text


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        record.aws_request_id = _request_id
        record.tenant_id = None
        write_event(self.format(record))


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        plain = isinstance(record.msg, dict) and not record.args
        kind, error, trace = record.exc_info or (None, None, None)
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
            "stackTrace": traceback.format_tb(trace) if kind else None,
            "errorType": kind.__name__ if kind else None,
            "errorMessage": str(error) if kind else None,
            "requestId": _request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}" if kind else None,
        }
        extra = {key: value for key, value in vars(record).items() if key not in _KNOWN and key not in fields}
        held = {key: value for key, value in (fields | extra).items() if value is not None}
        return json.dumps(held, ensure_ascii=False, default=str)
