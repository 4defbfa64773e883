"""Events that the hotel publishes."""

from typing import Annotated

from millrace.events import Event, Sensitive


class BookRoom(Event, source="test.reservations"):
    """Book a room."""

    key: str
    card: Annotated[str, Sensitive()]


class RoomGiven(Event, source="test.hotel"):
    """A guest was given a room."""

    key: str
    card: Annotated[str, Sensitive()]


class TableLaid(Event, source="test.hotel", terminal="the meal follows"):
    """A table was laid."""

    key: str


class MealServed(Event, source="test.hotel", terminal="the guest eats"):
    """A meal was served."""

    key: str
