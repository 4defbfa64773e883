"""Lays a table."""

from functions.contracts.guests import MealOrdered
from functions.contracts.hotel import TableLaid
from millrace.runtime import Table, step


@step
def handler(meal: MealOrdered, done: Table) -> TableLaid:
    """Lay the table."""
    done.put_item(Item={"key": f"{meal.metadata.event_id}/lay_table"})
    return TableLaid(key=meal.key)
