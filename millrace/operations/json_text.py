"""JSON from outside."""

import json
from typing import Any


def parsed(text: Any) -> Any:
    """The value of a JSON text. None if the text is not JSON."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
