"""Fields that no log, trace or error may show."""

from typing import Any

MASK = "*****"
"""As Powertools' data masking writes it."""


class Sensitive:
    """Marks a field as secret or personal: `card: Annotated[str, Sensitive()]`. Errors name it, and mask its value."""


def shown(sensitive: frozenset[str], loc: tuple[Any, ...], value: object) -> object:
    """A value that broke a contract, as an error may show it; a whole that holds a sensitive field is masked, too."""
    hidden = loc[0] in sensitive if loc else bool(sensitive)
    return MASK if hidden or (sensitive and isinstance(value, dict) and sensitive & value.keys()) else value
