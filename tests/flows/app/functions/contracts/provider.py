"""What the flows of the circuit breaker are made of."""

from millrace.events import Event


class Asked(Event, source="test.provider", external=True):
    """Somebody asks the provider something."""

    key: str


class Answered(Event, source="test.provider", terminal="a test looks for it"):
    """The provider has answered."""

    key: str
