"""Changes to moto's log groups."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace


def apply(region: Callable[..., AccountRegion]) -> None:
    """Apply every change."""
    _use_clock(region)
    _reject_subscription_filters()


def _use_clock(region: Callable[..., AccountRegion]) -> None:
    """Use the clock of the local cloud, which skips idle time."""
    from moto.logs import models  # noqa: PLC0415

    millis = models.unix_time_millis

    def unix_time_millis(moment: Any = None) -> float:
        return float(millis(moment)) + region().clock.wall_clock_offset * 1000

    replace(models, "unix_time_millis", unix_time_millis)


def _reject_subscription_filters() -> None:
    """Reject subscription filters, which moto runs within PutLogEvents."""
    from moto.logs.exceptions import InvalidParameterException  # noqa: PLC0415
    from moto.logs.models import LogsBackend  # noqa: PLC0415

    def put_subscription_filter(_backend: Any, log_group_name: str, *_args: Any, **_kwargs: Any) -> None:
        constraint = "the local cloud does not support subscription filters"
        raise InvalidParameterException(constraint, parameter="logGroupName", value=log_group_name)

    replace(LogsBackend, "put_subscription_filter", put_subscription_filter)
