"""What functions print, in CloudWatch Logs, with the lines that Lambda adds itself."""

import json
from typing import Any

from millrace.local.core.backends import Backends
from millrace.local.core.clock import iso_millis
from millrace.local.workers import Outcome

TAIL_BYTES = 4096
"""https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""


class FunctionLogs:
    """Writes each invocation into the function's log group and the worker's own stream."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends
        self._known: set[tuple[str, str]] = set()

    @staticmethod
    def group_of(function: Any) -> str:
        """The function's log group, its own or the one that its configuration names."""
        config = getattr(function, "logging_config", None) or {}
        return str(config.get("LogGroup") or f"/aws/lambda/{function.function_name}")

    def write(self, function: Any, outcome: Outcome, began: float) -> None:
        """Write the lines of one invocation.

        https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
        """
        group, stream = self.group_of(function), outcome.log_stream
        self._make(group, stream)
        start, report = _frame(function, outcome, began)
        ended = began + outcome.duration_ms / 1000
        events = [
            {"timestamp": int(moment * 1000), "message": line}
            for moment, line in [(began, start), *((ended, line) for line in outcome.log), (ended, report)]
        ]
        self._backends.logs.groups[group].put_log_events(stream, events)  # its backend would ask each for its age first

    @staticmethod
    def tail(function: Any, outcome: Outcome, began: float) -> bytes:
        """The last 4 KB of the lines of one invocation, as Invoke gives them."""
        start, report = _frame(function, outcome, began)
        return "\n".join([start, *outcome.log, report, ""]).encode()[-TAIL_BYTES:]

    def _make(self, group: str, stream: str) -> None:
        if (group, stream) in self._known:
            return
        if group not in self._backends.logs.groups:
            self._backends.logs.create_log_group(group, {})
        if stream not in self._backends.logs.groups[group].streams:
            self._backends.logs.create_log_stream(group, stream)
        self._known.add((group, stream))

    def forget(self) -> None:
        """Look for groups and streams afresh."""
        self._known.clear()


def _frame(function: Any, outcome: Outcome, began: float) -> tuple[str, str]:
    """What Lambda writes before and after a function's own lines."""
    config = getattr(function, "logging_config", None) or {}
    if config.get("LogFormat") == "JSON":
        return _json_frame(function, outcome, began)
    return _text_frame(function, outcome)


def _text_frame(function: Any, outcome: Outcome) -> tuple[str, str]:
    duration, request = outcome.duration_ms, f"RequestId: {outcome.request_id}"
    report = [
        f"REPORT {request}",
        f"Duration: {duration:.2f} ms",
        f"Billed Duration: {int(duration) + 1} ms",
        f"Memory Size: {function.memory_size} MB",
        f"Max Memory Used: {outcome.max_memory_mb} MB",
    ]
    if outcome.init_ms:
        report.append(f"Init Duration: {outcome.init_ms:.2f} ms")
    if outcome.status in ("timeout", "exit"):
        report.append(f"Status: {outcome.status}")
    return f"START {request} Version: {function.version}", f"END {request}\n" + "\t".join(report)


def _json_frame(function: Any, outcome: Outcome, began: float) -> tuple[str, str]:
    """https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html."""
    status = {"ok": "success", "exit": "failure"}.get(outcome.status, outcome.status)
    start = {"requestId": outcome.request_id, "version": str(function.version)}
    metrics = {
        "durationMs": round(outcome.duration_ms, 3),
        "billedDurationMs": int(outcome.duration_ms) + 1,
        "memorySizeMB": int(function.memory_size),
        "maxMemoryUsedMB": outcome.max_memory_mb,
    }
    if outcome.init_ms:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
    report = {"requestId": outcome.request_id, "metrics": metrics, "status": status}
    ended = iso_millis(began + outcome.duration_ms / 1000)
    return (
        json.dumps({"time": iso_millis(began), "type": "platform.start", "record": start}),
        json.dumps({"time": ended, "type": "platform.report", "record": report}),
    )
