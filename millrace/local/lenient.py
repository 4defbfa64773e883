"""Reading what may be no JSON."""

import json
from typing import Any


def parsed(text: Any) -> Any:
    """The value of a JSON text, or None where there is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None  # each caller says what that means for it
