"""Serves a meal."""

from functions.contracts.guests import MealOrdered
from functions.contracts.hotel import MealServed, TableLaid
from millrace.runtime import step


@step
def handler(meal: MealOrdered, table: TableLaid) -> MealServed:
    """Serve the meal."""
    return MealServed(key=table.key or meal.key)
