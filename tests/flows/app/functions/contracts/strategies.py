"""What the flows of the failure strategies are made of."""

from millrace.events import Event


class Tried(Event, source="test.strategies", external=True):
    """Something that fails until a moment, in seconds since 1970."""

    key: str
    until: int = 0
