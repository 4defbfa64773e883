"""Changes to moto's schedules."""

from collections.abc import Callable

from millrace.local.core.account_region import AccountRegion

_CONFLICT = 409


def apply(_region: Callable[..., AccountRegion]) -> None:
    """Answer a conflict with its status; moto answers 400.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    """
    from moto.scheduler.exceptions import ScheduleExists  # noqa: PLC0415

    ScheduleExists.code = _CONFLICT
