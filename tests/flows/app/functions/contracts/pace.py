"""What the flow of the bulkhead is made of."""

from millrace.events import Event


class Called(Event, source="test.pace", external=True):
    """One that is slow and one that is quick hear of it."""

    key: str
