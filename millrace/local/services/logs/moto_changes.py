"""Changes to moto's log groups."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace
from millrace.local.services.logs.subscriptions import forward, refusal


def apply(region: Callable[..., AccountRegion]) -> None:
    """Apply every change."""
    _use_clock(region)
    _serve_subscription_filters(region)


def _use_clock(region: Callable[..., AccountRegion]) -> None:
    """Use the clock of the local cloud, which skips idle time."""
    from moto.logs import models

    millis = models.unix_time_millis

    def unix_time_millis(moment: Any = None) -> float:
        return float(millis(moment)) + region().clock.wall_clock_offset * 1000

    replace(models, "unix_time_millis", unix_time_millis)


def _serve_subscription_filters(region: Callable[..., AccountRegion]) -> None:
    """Check subscription filters, and send to their destinations outside PutLogEvents. moto ignores their patterns."""
    from moto.logs.exceptions import InvalidParameterException
    from moto.logs.models import LogsBackend, LogStream

    put = LogsBackend.put_subscription_filter

    def put_subscription_filter(
        backend: Any, log_group_name: str, filter_name: str, filter_pattern: str, destination_arn: str, role_arn: str
    ) -> None:
        group = backend.groups.get(log_group_name)
        arn = group.arn if group else ""
        if group and (reason := refusal(region(arn), arn, filter_pattern or "", destination_arn, role_arn)):
            raise InvalidParameterException(reason, parameter="destinationArn", value=destination_arn)
        put(backend, log_group_name, filter_name, filter_pattern, destination_arn, role_arn)

    def _send_log_events(
        stream: Any,
        service: str,  # noqa: ARG001 - moto's signature
        destination_arn: str,  # noqa: ARG001
        filter_name: str,
        log_events: list[dict[str, Any]],
    ) -> None:
        forward(region(stream.log_group.arn), stream, stream.log_group.subscription_filters[filter_name], log_events)

    replace(LogsBackend, "put_subscription_filter", put_subscription_filter)
    replace(LogStream, "_send_log_events", _send_log_events)
