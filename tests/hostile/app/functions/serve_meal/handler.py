"""Serves a meal."""

from functions.contracts.inn import MealServed, TableLaid
from functions.contracts.outside import MealOrdered
from millrace.runtime import step


@step
def handler(meal: MealOrdered, table: TableLaid) -> MealServed:
    """On the table."""
    return MealServed(key=table.key or meal.key)
