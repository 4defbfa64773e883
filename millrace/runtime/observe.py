"""Logs, metrics and traces, by Powertools. Nothing is made before the first event needs it.

One structured line says how each event fared, with event, correlation and causation id: the causation tree of a flow
can be read off the logs alone.
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
HANDLED, FAILED, WAITS = "event handled", "event failed", "event waits"
PUT_ASIDE = "event put aside"
_IDS = ("event_id", "correlation_id", "causation_id", "hops")
_XRAY = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16})(?:;Sampled=([01]))?")


@cache
def logger() -> "Logger":
    """The function's logger; POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL set it up."""
    from aws_lambda_powertools import Logger  # noqa: PLC0415 - 80 ms that importing a handler should not cost

    return Logger()


@cache
def metrics() -> "Metrics":
    """The function's metrics, in the embedded metric format of CloudWatch."""
    from aws_lambda_powertools import Metrics  # noqa: PLC0415

    return Metrics(namespace=NAMESPACE)


def traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a handler in a segment of the Powertools Tracer, where it is asked for: it costs 0.4 s at start.

    What it answers is no part of the trace: events are, by themselves, with all that they hold.
    """
    if os.environ.get("MILLRACE_TRACER") != "powertools":
        return function
    from aws_lambda_powertools import Tracer  # noqa: PLC0415

    return Tracer().capture_method(capture_response=False)(function)  # type: ignore[no-any-return,unused-ignore]


def traceparent() -> str | None:
    """Lambda's own trace, as W3C writes it.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    found = _XRAY.search(os.environ.get("_X_AMZN_TRACE_ID", ""))
    if not found:
        return None
    epoch, rest, parent, sampled = found.groups()
    return f"00-{epoch}{rest}-{parent}-0{sampled or 0}"


def handled(detail_type: str, metadata: Metadata, attempt: int, published: Iterable[Envelope]) -> None:
    """Say that an event was handled, and what followed."""
    said = [_identity(envelope) for envelope in published]
    logger().info(HANDLED, extra={"flow": _flow(detail_type, metadata, attempt) | {"published": said}})
    _count(EventsHandled=1, EventsPublished=len(said))


def failed(envelope: dict[str, Any], attempt: int, error: BaseException) -> None:
    """Say that an event could not be handled, with the error and where it was raised."""
    logger().error(FAILED, extra={"flow": _failure(envelope, attempt, error)}, exc_info=error)
    _count(EventsFailed=1)


def waits(envelope: dict[str, Any], attempt: int, error: BaseException) -> None:
    """Say that an event waits, and for what."""
    logger().warning(WAITS, extra={"flow": _failure(envelope, attempt, error)})
    _count(EventsWaiting=1)


def put_aside(envelope: Any, attempt: int, error: BaseException) -> None:
    """Say that an event was put aside, and why."""
    logger().error(PUT_ASIDE, extra={"flow": _failure(envelope, attempt, error) | {"put_aside": True}})
    _count(EventsPutAside=1)


def _failure(envelope: Any, attempt: int, error: BaseException) -> dict[str, Any]:
    told_by = envelope if isinstance(envelope, dict) else {}
    detail = told_by.get("detail")
    metadata = detail.get("metadata") if isinstance(detail, dict) else None
    known = {key: metadata.get(key) for key in _IDS} if isinstance(metadata, dict) else {}
    if own := known.get("event_id") or told_by.get("id"):  # EventBridge's own, of an event without metadata
        known |= {"event_id": own, "correlation_id": known.get("correlation_id") or own}
    told = {"error": {"type": type(error).__name__, "message": str(error)}}
    return {"event": told_by.get("detail-type"), **known, "attempt": attempt, **told}


def _flow(detail_type: str, metadata: Metadata, attempt: int) -> dict[str, Any]:
    known = metadata.model_dump(mode="json", include=set(_IDS))
    return {"event": detail_type, **known, "attempt": attempt}


def _identity(envelope: Envelope) -> dict[str, str]:
    metadata = envelope["detail"]["metadata"]
    return {
        "event": envelope["detail-type"],
        "event_id": metadata["event_id"],
        "causation_id": metadata.get("causation_id", ""),
        "occurred_at": metadata["occurred_at"],
    }


def _count(**counts: int) -> None:
    from aws_lambda_powertools.metrics import MetricUnit  # noqa: PLC0415

    for name, value in counts.items():
        metrics().add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics().flush_metrics()
