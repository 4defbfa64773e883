"""What the flows of the circuit breaker are made of."""

from millrace.events import Event


class Asked(Event, source="test.provider", outside=True):
    """Somebody asks the provider something."""

    key: str


class Answered(Event, source="test.provider", end="a test looks for it"):
    """The provider has answered."""

    key: str
