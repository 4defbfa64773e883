"""Watches the error rate of the shop's hosts."""

from datetime import timedelta

from functions.contracts.access_log import AccessLine, ErrorRateHigh
from millrace.runtime import Window, stream_processor

PERCENT = 5


@stream_processor(every=timedelta(minutes=1), lateness=timedelta(seconds=10), parser=AccessLine.parse)
def handler(window: Window[AccessLine]) -> ErrorRateHigh | None:
    """Report a minute in which more than 5 % of the requests failed."""
    failed = window["failed"].sum
    if failed * 100 <= window.count * PERCENT:
        return None
    return ErrorRateHigh(host=window.key, requests=window.count, failed=failed, since=window.start.isoformat())
