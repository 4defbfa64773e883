"""The functions of the benchmark's stack. Every subject deploys this same file.

Each appends a line to a file: handler, id and nanosecond of the monotonic clock. A small append is atomic and takes
microseconds; unlike a socket, it cannot lose or delay records.
"""

import json
import os
import time
from typing import Any

_record = os.open(os.environ["BENCH_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_clients: dict[str, Any] = {}


def sink(event: Any, _context: Any) -> dict[str, Any]:
    """The last handler of an event."""
    _note("sink", event["detail"]["id"])
    return {"ok": True}


def hop(event: Any, _context: Any) -> dict[str, Any]:
    """A handler in a chain, which publishes the next event."""
    detail = event["detail"]
    time.sleep(detail.get("pause", 0))
    _note(f"hop{detail['hop']}", detail["id"])
    if detail["hop"] < detail["hops"]:
        following = {**detail, "hop": detail["hop"] + 1}
        entry = {"Source": "bench", "DetailType": f"Hop{following['hop']}", "EventBusName": "bench"}
        _events().put_events(Entries=[{**entry, "Detail": json.dumps(following)}])
    return {"ok": True}


def task(event: Any, _context: Any) -> dict[str, Any]:
    """A task of a state machine."""
    _note(f"task{event['task']}", event["id"])
    return {**event, "task": event["task"] + 1}


def _note(what: str, number: str) -> None:
    os.write(_record, f"{what} {number} {time.monotonic_ns()}\n".encode())


def _events() -> Any:
    if not _clients:
        import boto3  # noqa: PLC0415 - only some handlers need it

        _clients["events"] = boto3.client("events")
    return _clients["events"]
