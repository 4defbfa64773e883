"""Changes to moto's log groups."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion


def apply(region: Callable[..., AccountRegion]) -> None:
    """Change moto's log groups."""
    _use_the_clock(region)
    _refuse_log_subscriptions()


def _use_the_clock(region: Callable[..., AccountRegion]) -> None:
    """moto reads the machine's time; the clock of the local cloud skips idle time."""
    from moto.logs import models  # noqa: PLC0415

    millis = models.unix_time_millis
    models.unix_time_millis = lambda moment=None: float(millis(moment)) + region().clock.wall_clock_offset * 1000


def _refuse_log_subscriptions() -> None:
    """Moto pushes log events into functions within PutLogEvents; the plane delivers none, so none may be asked for."""
    from moto.logs.exceptions import InvalidParameterException  # noqa: PLC0415
    from moto.logs.models import LogsBackend  # noqa: PLC0415

    def put_subscription_filter(_backend: Any, log_group_name: str, *_args: Any, **_kwargs: Any) -> None:
        told = "the local cloud delivers no log events, so it takes no subscription filter"
        raise InvalidParameterException(constraint=told, parameter="logGroupName", value=log_group_name)

    LogsBackend.put_subscription_filter = put_subscription_filter
