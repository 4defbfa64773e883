"""Events of the failure strategies."""

from millrace.events import Event


class Tried(Event, source="test.strategies", external=True):
    """Its processing fails until a time in seconds since 1970."""

    key: str
    until: int = 0
