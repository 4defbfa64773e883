"""Events of the ordered channel."""

from typing import Literal

from millrace.events import Event


class Stepped(Event, source="test.ordered", external=True):
    """A step for a key. `fails` defines how often its processor fails."""

    key: str
    number: int
    fails: Literal["never", "once", "always"] = "never"
