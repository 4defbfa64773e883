"""Events of the bulkhead."""

from millrace.events import Event


class Called(Event, source="test.pace", external=True):
    """A slow and a fast processor handle it."""

    key: str
