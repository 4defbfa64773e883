"""Computes the sales of a day from the archive."""

from pathlib import Path

import duckdb

from millrace.runtime import batch_view

_SALES = "SELECT count(*), sum(cents)::bigint FROM read_json(?, columns = {cents: 'bigint'})"


@batch_view
def handler(events: Path) -> dict[str, int]:
    """Count the orders, and add up their totals."""
    orders, cents = duckdb.execute(_SALES, [str(events)]).fetchall()[0]
    return {"orders": orders, "cents": cents}
