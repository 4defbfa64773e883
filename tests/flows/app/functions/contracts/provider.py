"""Events of the circuit breaker."""

from millrace.events import Event


class Requested(Event, source="test.provider", external=True):
    """A request to the provider."""

    key: str


class Answered(Event, source="test.provider", terminal="a test looks for it"):
    """The provider has responded."""

    key: str
