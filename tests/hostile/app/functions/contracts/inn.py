"""What the inn says."""

from typing import Annotated

from millrace.events import Event, Sensitive


class BookRoom(Event, source="test.desk"):
    """A room is asked for."""

    key: str
    card: Annotated[str, Sensitive()]


class RoomGiven(Event, source="test.inn"):
    """A guest has a room."""

    key: str
    card: Annotated[str, Sensitive()]


class TableLaid(Event, source="test.inn", terminal="the meal follows"):
    """There is a table."""

    key: str


class MealServed(Event, source="test.inn", terminal="the guest eats"):
    """There is a meal."""

    key: str
