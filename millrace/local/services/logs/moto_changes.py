"""Changes to moto's log groups."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion


def apply(region: Callable[..., AccountRegion]) -> None:
    """Apply every change."""
    _use_clock(region)
    _reject_subscription_filters()


def _use_clock(region: Callable[..., AccountRegion]) -> None:
    """Use the clock of the local cloud, which skips idle time."""
    from moto.logs import models  # noqa: PLC0415

    millis = models.unix_time_millis
    models.unix_time_millis = lambda moment=None: float(millis(moment)) + region().clock.ahead * 1000


def _reject_subscription_filters() -> None:
    """Reject subscription filters, which moto runs within PutLogEvents."""
    from moto.logs.exceptions import InvalidParameterException  # noqa: PLC0415
    from moto.logs.models import LogsBackend  # noqa: PLC0415

    def put_subscription_filter(_backend: Any, log_group_name: str, *_args: Any, **_kwargs: Any) -> None:
        constraint = "the local cloud does not support subscription filters"
        raise InvalidParameterException(constraint, parameter="logGroupName", value=log_group_name)

    LogsBackend.put_subscription_filter = put_subscription_filter
