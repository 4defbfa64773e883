"""Logs, metrics and traces with Powertools. Each is created when it is first used.

One structured line for each event contains its outcome and its event, correlation and causation id, so the logs alone
show the causation tree of a flow.
"""

import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from millrace.events import Envelope, Metadata

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics

NAMESPACE = "Millrace"
NAMESPACE_VARIABLE = "POWERTOOLS_METRICS_NAMESPACE"
"""The environment variable of Powertools; the namespace contains the stage."""
HANDLED, FAILED, REQUEUED = "event handled", "event failed", "event requeued"
QUARANTINED = "event quarantined"
WINDOW_CLOSED = "window closed"
_IDS = ("event_id", "correlation_id", "causation_id", "hops")
_XRAY = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16})(?:;Sampled=([01]))?")


@cache
def logger() -> "Logger":
    """Return the logger, configured by POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 - takes 80 ms

    return Logger()


@cache
def metrics() -> "Metrics":
    """Return the metrics, in the embedded metric format of CloudWatch."""
    from aws_lambda_powertools import Metrics  # noqa: PLC0415

    return Metrics(namespace=namespace())


def prime() -> None:
    """Create the logger and the metrics."""
    logger()
    metrics()
    import aws_lambda_powertools.metrics  # noqa: F401, PLC0415 - `_count` needs its units


def namespace() -> str:
    """The namespace of the function's metrics."""
    return os.environ.get(NAMESPACE_VARIABLE, NAMESPACE)


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler in a segment of the Powertools Tracer if MILLRACE_TRACER enables it. It takes 0.4 s at start.

    The trace does not contain the response, because that consists of whole events.
    """
    if os.environ.get("MILLRACE_TRACER") != "powertools":
        return function
    from aws_lambda_powertools import Tracer  # noqa: PLC0415

    return Tracer().capture_method(capture_response=False)(function)  # type: ignore[no-any-return,unused-ignore]


def traceparent() -> str | None:
    """Return the trace of Lambda in the W3C format.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    found = _XRAY.search(os.environ.get("_X_AMZN_TRACE_ID", ""))
    if not found:
        return None
    epoch, rest, parent, sampled = found.groups()
    return f"00-{epoch}{rest}-{parent}-0{sampled or 0}"


def handled(detail_type: str, metadata: Metadata, attempt: int, published: Iterable[Envelope]) -> None:
    """Log and count an event that was handled, and the events that it caused."""
    effects = [_identity(envelope) for envelope in published]
    logger().info(HANDLED, extra={"flow": _flow(detail_type, metadata, attempt) | {"published": effects}})
    _count(EventsHandled=1, EventsPublished=len(effects))


def failed(envelope: dict[str, Any], attempt: int, error: BaseException) -> None:
    """Log and count an event whose handler failed, with the error and its traceback."""
    logger().error(FAILED, extra={"flow": _failure(envelope, attempt, error)}, exc_info=error)
    _count(EventsFailed=1)


def requeued(envelope: dict[str, Any], attempt: int, error: BaseException) -> None:
    """Log and count an event that was requeued, with the reason."""
    logger().warning(REQUEUED, extra={"flow": _failure(envelope, attempt, error)})
    _count(EventsRequeued=1)


def quarantined(envelope: Any, attempt: int, error: BaseException) -> None:
    """Log and count an event that was quarantined, with the reason."""
    logger().error(QUARANTINED, extra={"flow": _failure(envelope, attempt, error) | {"quarantined": True}})
    _count(EventsQuarantined=1)


def window_closed(key: str, readings: int, published: Iterable[Envelope]) -> None:
    """Log and count a window that was closed, and the events that it caused."""
    effects = [_identity(envelope) for envelope in published]
    logger().info(WINDOW_CLOSED, extra={"flow": {"key": key, "readings": readings, "published": effects}})
    _count(WindowsClosed=1, EventsPublished=len(effects))


def _failure(envelope: Any, attempt: int, error: BaseException) -> dict[str, Any]:
    event = envelope if isinstance(envelope, dict) else {}
    detail = event.get("detail")
    metadata = detail.get("metadata") if isinstance(detail, dict) else None
    known = {key: metadata.get(key) for key in _IDS} if isinstance(metadata, dict) else {}
    if own := known.get("event_id") or event.get("id"):  # EventBridge's own, of an event without metadata
        known |= {"event_id": own, "correlation_id": known.get("correlation_id") or own}
    details = {"type": type(error).__name__, "message": str(error)}
    return {"event": event.get("detail-type"), **known, "attempt": attempt, "error": details}


def _flow(detail_type: str, metadata: Metadata, attempt: int) -> dict[str, Any]:
    known = metadata.model_dump(mode="json", include=set(_IDS))
    return {"event": detail_type, **known, "attempt": attempt}


def _identity(envelope: Envelope) -> dict[str, str]:
    metadata = envelope["detail"]["metadata"]
    return {
        "event": envelope["detail-type"],
        "event_id": metadata["event_id"],
        "causation_id": metadata.get("causation_id") or "",
        "occurred_at": metadata["occurred_at"],
    }


def _count(**counts: int) -> None:
    from aws_lambda_powertools.metrics import MetricUnit  # noqa: PLC0415

    for name, value in counts.items():
        metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics().flush_metrics()
