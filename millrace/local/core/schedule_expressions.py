"""Schedule expressions: rate(5 minutes), cron(0 10 ? * MON-FRI *) in UTC or another time zone.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Protocol

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\((.*)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = 6
_WEEK = 7
_FRIDAY = 4

DaysOf = Callable[[int, int], set[int]]
"""From a year and a month to the days on which a schedule runs."""


class ScheduleExpressionError(ValueError):
    """A schedule expression is not valid."""


class Schedule(Protocol):
    """The times at which a rule runs."""

    def after(self, moment: float, began: float) -> float | None:
        """Return the first run after `moment` of a rule that started at `began`; None if there is none."""


@dataclass(frozen=True)
class Rate:
    """Runs at a fixed interval from the start of the rule."""

    seconds: int

    def after(self, moment: float, began: float) -> float:
        """Return the next multiple of the rate."""
        return began + (int((moment - began) // self.seconds) + 1) * self.seconds


@dataclass(frozen=True)
class Cron:
    """Runs at the minutes that match all fields, in a time zone.

    Minutes that daylight saving time skips are ignored. Minutes that it repeats run once.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: DaysOf
    months: tuple[int, ...]
    years: tuple[int, ...]
    zone: tzinfo = UTC

    def after(self, moment: float, began: float) -> float | None:  # noqa: ARG002 - a rate needs it
        """Return the next minute that matches all fields."""
        for day in self._days_from(datetime.fromtimestamp(moment, self.zone).date()):
            for hour in self.hours:
                for minute in self.minutes:
                    run = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone)
                    if run.timestamp() > moment and self._exists(run):
                        return run.timestamp()
        return None

    def _exists(self, run: datetime) -> bool:
        return datetime.fromtimestamp(run.timestamp(), self.zone).hour == run.hour

    def _days_from(self, first: date) -> Iterator[date]:
        for year in self.years:
            for month in self.months:
                if (year, month) >= (first.year, first.month):
                    days = (date(year, month, day) for day in sorted(self.days(year, month)))
                    yield from (day for day in days if day >= first)


def schedule(expression: str, zone: tzinfo = UTC, *, any_plural: bool = False) -> Schedule:
    """Parse an expression in a time zone. Raises ScheduleExpressionError.

    With `any_plural`, a rate's unit need not agree with its number: rate(5 minute).
    """
    rate = _RATE.fullmatch(expression)
    if rate and (any_plural or (rate[1] != "1") == bool(rate[3])):
        return Rate(int(rate[1]) * _SECONDS[rate[2]])
    cron = _CRON.fullmatch(expression)
    if cron is None:
        raise ScheduleExpressionError(f"{expression!r} must be like rate(1 minute), rate(5 minutes) or cron(…).")
    try:
        return replace(_cron(cron[1].split()), zone=zone)
    except ValueError as error:
        raise ScheduleExpressionError(f"{expression}: {error}") from error


def _cron(fields: list[str]) -> Cron:
    if len(fields) != _FIELDS:
        raise ValueError(f"cron has six fields, not {len(fields)}.")
    minutes, hours, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ValueError("exactly one of day-of-month and day-of-week must be ?.")
    return Cron(
        _numbers(minutes, 0, 59),
        _numbers(hours, 0, 23),
        _days_of_month(day) if weekday == "?" else _days_of_week(weekday),
        _numbers(month, 1, 12, _MONTHS),
        _numbers(year, 1970, 2199),
    )


def _numbers(field: str, first: int, last: int, names: tuple[str, ...] = ()) -> tuple[int, ...]:
    """Return the numbers of a field: `*`, `5`, `1-5`, `0/15`, separated by commas."""
    return tuple(sorted({number for part in field.split(",") for number in _range(part, first, last, names)}))


def _range(part: str, first: int, last: int, names: tuple[str, ...]) -> Iterator[int]:
    span, slash, step = part.partition("/")
    low, dash, high = span.partition("-")
    start = first if span == "*" else _number(low, first, last, names)
    end = last if span == "*" or (slash and not dash) else _number(high if dash else low, first, last, names)
    pace = _number(step, 1, last, ()) if slash else 1
    if end < start:  # 20-2 passes midnight
        end += last - first + 1
    return (first + (number - first) % (last - first + 1) for number in range(start, end + 1, pace))


def _number(text: str, first: int, last: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + first
    if not text.isdecimal() or not first <= int(text) <= last:
        raise ValueError(f"{text!r} is not in {first}-{last}.")
    return int(text)


def _days_of_month(field: str) -> DaysOf:
    parts = field.split(",")
    plain = _numbers(",".join(part for part in parts if not _is_special(part)) or "1", 1, 31)
    if all(_is_special(part) for part in parts):
        plain = ()
    nearest = [_number(part[:-1], 1, 31, ()) for part in parts if part.endswith("W") and part != "LW"]

    def days(year: int, month: int) -> set[int]:
        last = monthrange(year, month)[1]
        chosen = {day for day in plain if day <= last} | {_nearest(year, month, day) for day in nearest if day <= last}
        chosen |= {last} if "L" in parts else set()
        return chosen | ({_nearest(year, month, last)} if "LW" in parts else set())

    return days


def _is_special(part: str) -> bool:
    return part == "L" or part.endswith("W")


def _nearest(year: int, month: int, day: int) -> int:
    """Return the weekday of the same month that is nearest to a day: 3W."""
    weekday, last = date(year, month, day).weekday(), monthrange(year, month)[1]
    if weekday <= _FRIDAY:
        return day
    back, forward = weekday - _FRIDAY, _WEEK - weekday
    wanted = day - back if back < forward else day + forward
    if wanted < 1:
        return day + forward
    return wanted if wanted <= last else day - back


def _days_of_week(field: str) -> DaysOf:
    if "#" in field:
        name, _, instance = field.partition("#")
        weekday, which = _number(name, 1, _WEEK, _DAYS), _number(instance, 1, 5, ())
        return lambda year, month: set(_on(year, month, weekday)[which - 1 : which])
    if field.endswith("L") and field != "L":
        weekday = _number(field[:-1], 1, _WEEK, _DAYS)
        return lambda year, month: set(_on(year, month, weekday)[-1:])
    weekdays = _numbers("7" if field == "L" else field, 1, _WEEK, _DAYS)
    return lambda year, month: {day for weekday in weekdays for day in _on(year, month, weekday)}


def _on(year: int, month: int, weekday: int) -> list[int]:
    """Return the days of a month that fall on a weekday, from Sunday (1) to Saturday (7)."""
    first, last = monthrange(year, month)
    start = (weekday - 2 - first) % _WEEK + 1
    return list(range(start, last + 1, _WEEK))
