"""Logs of functions in CloudWatch Logs, with the START, END and REPORT lines of Lambda."""

import json
from typing import Any

from millrace.local.core.backends import Backends
from millrace.local.core.clock import iso_millis
from millrace.local.workers import Outcome

TAIL_BYTES = 4096
"""https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""


class FunctionLogs:
    """Writes each invocation to the function's log group, in one log stream per worker."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    @staticmethod
    def group_of(function: Any) -> str:
        """Return the log group in the function's logging configuration, or its default one."""
        return str(_logging_config(function).get("LogGroup") or f"/aws/lambda/{function.function_name}")

    def write(self, function: Any, outcome: Outcome, began: float) -> None:
        """Write the log of one invocation, and create its log group and stream if they do not exist.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
        """
        stream = outcome.log_stream
        group = self._group_with(self.group_of(function), stream)
        start, report = _frame(function, outcome, began)
        ended = began + outcome.duration_ms / 1000
        events = [
            {"timestamp": int(moment * 1000), "message": line}
            for moment, line in [(began, start), *((ended, line) for line in outcome.log), (ended, report)]
        ]
        group.put_log_events(stream, events)  # faster than moto's backend

    @staticmethod
    def tail(function: Any, outcome: Outcome, began: float) -> bytes:
        """Return the last 4 KB of the log of one invocation, for Invoke."""
        start, report = _frame(function, outcome, began)
        return "\n".join([start, *outcome.log, report, ""]).encode()[-TAIL_BYTES:]

    def _group_with(self, name: str, stream: str) -> Any:
        """Return moto's log group with a stream. A user may have deleted either since the last invocation."""
        logs = self._backends.logs
        if name not in logs.groups:
            logs.create_log_group(name, {})
        group = logs.groups[name]
        if stream not in group.streams:
            group.create_log_stream(stream)
        return group


def log_settings(function: Any) -> dict[str, str]:
    """Return the environment variables with which AWS's runtime client configures logging."""
    config = _logging_config(function)
    if config.get("LogFormat") != "JSON":
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": config.get("ApplicationLogLevel", "INFO")}


def _logging_config(function: Any) -> dict[str, Any]:
    return getattr(function, "logging_config", None) or {}


def _frame(function: Any, outcome: Outcome, began: float) -> tuple[str, str]:
    """Return what Lambda logs before and after the lines of a function."""
    if _logging_config(function).get("LogFormat") == "JSON":
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
