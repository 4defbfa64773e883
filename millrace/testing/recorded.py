"""Recorded events, for a project's tests."""

import json
import re
from pathlib import Path
from typing import TypeVar

from millrace.events import Event

E = TypeVar("E", bound=Event)


def recorded(event: type[E], folder: Path = Path("tests/events")) -> E:
    """Return the recorded event of a class: OrderPlaced is in `tests/events/order_placed.json`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", event.__name__).lower()
    envelope = json.loads((folder / f"{name}.json").read_text())
    return event.read(envelope["detail"]["data"])
