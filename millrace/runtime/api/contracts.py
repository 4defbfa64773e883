"""The contracts that an API takes, as its construct names them in the environment."""

import importlib
import os
from functools import cache

from millrace.events import Event


@cache
def named(variable: str) -> dict[str, type[Event]]:
    """The event classes of a variable, by the names of the classes."""
    found = {}
    for address in os.environ.get(variable, "").split():
        module, _, name = address.partition(":")
        found[name] = getattr(importlib.import_module(module), name)
    return found
