"""Changes to moto's schedules."""

from collections.abc import Callable
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace

_CONFLICT = 409


def apply(_region: Callable[..., AccountRegion]) -> None:
    """Answer a conflict with its status, and with the default action after completion; moto answers 400 and omits it.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    """
    from moto.scheduler.exceptions import ScheduleExists
    from moto.scheduler.models import Schedule

    by_moto = Schedule.to_dict

    def to_dict(schedule: Any, short: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - moto's
        found = by_moto(schedule, short)
        return {**found, "ActionAfterCompletion": found["ActionAfterCompletion"] or "NONE"}

    ScheduleExists.code = _CONFLICT
    replace(Schedule, "to_dict", to_dict)
