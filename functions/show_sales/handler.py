"""Shows the sales of a week."""

from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel

from millrace.runtime import ServingView, query

_DAYS = 7


class Sales(BaseModel):
    """The sales of a day, and whether a batch has counted some of them."""

    day: date
    batch: bool
    orders: int = 0
    cents: int = 0


class Week(BaseModel):
    """The sales of seven days."""

    days: list[Sales]


@query("/sales")
def handler(sales: ServingView, until: date | None = None) -> Week:
    """Return the sales of the seven days that end with `until`, by default today."""
    last = until or datetime.now(UTC).date()
    days = [last - timedelta(days=before) for before in range(_DAYS)]
    return Week(
        days=[Sales.model_validate({"day": day, "batch": sales.has_batch(day), **sales.of(day)}) for day in days]
    )
