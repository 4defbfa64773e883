"""What the flows of the ordered channel are made of."""

from typing import Literal

from millrace.events import Event


class Stepped(Event, source="test.lanes", external=True):
    """One step of something that is named by its key; `fails` says how the one who hears of it fares."""

    key: str
    number: int
    fails: Literal["never", "once", "always"] = "never"
