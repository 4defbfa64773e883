"""Lays a table."""

from functions.contracts.inn import TableLaid
from functions.contracts.outside import MealOrdered
from millrace.runtime import Table, step


@step
def handler(meal: MealOrdered, done: Table) -> TableLaid:
    """Whatever is to be eaten."""
    done.put_item(Item={"key": f"{meal.metadata.event_id}/lay_table"})
    return TableLaid(key=meal.key)
