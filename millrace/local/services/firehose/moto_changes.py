"""Changes to moto's delivery streams."""

from collections.abc import Callable
from datetime import datetime

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace


def apply(region: Callable[..., AccountRegion]) -> None:
    """Apply every change."""
    _use_clock(region)


def _use_clock(region: Callable[..., AccountRegion]) -> None:
    """Use the clock of the local cloud, which skips idle time."""
    from moto.firehose import models

    def utcnow() -> datetime:
        return region().clock.datetime().replace(tzinfo=None)

    replace(models, "utcnow", utcnow)
